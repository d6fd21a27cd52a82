import { AppError } from "@dormouse/kernel";
import { getVolume, getVolumeTemplate, listHubImages, listVolumeTemplates } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { printItems, printRaw } from "../output/render.ts";
import { HUB_IMAGE, VOLUME, VOLUME_TEMPLATE } from "../resources/table.ts";
import { named } from "./get-sandboxes.ts";
import { type ListOptions, isForPeople, printList } from "./list.ts";
import { type WatchOptions, watched } from "./watch.ts";

export const getVolumes = (
  context: Context,
  name: string | undefined,
  options: ListOptions & WatchOptions,
): Promise<void> =>
  watched(context, options, async (shown) => {
    if (name === undefined) {
      return printList(shown, { resource: VOLUME, path: "/volumes", command: "get volumes" }, options);
    }
    await printItems(shown, VOLUME, [await named(`Volume:${name}`, getVolume(shown.client, name))]);
  });

export const getVolumeTemplates = (context: Context, name: string | undefined, options: WatchOptions): Promise<void> =>
  watched(context, options, async (shown) => {
    if (name !== undefined) {
      const template = await named(`VolumeTemplate:${name}`, getVolumeTemplate(shown.client, name));
      return printItems(shown, VOLUME_TEMPLATE, [template]);
    }
    const { data } = await listVolumeTemplates(shown.client);
    if (data.length === 0 && isForPeople(shown)) return shown.say.info("No volume templates found");
    await printItems(shown, VOLUME_TEMPLATE, data);
  });

export async function getSandboxHub(context: Context): Promise<void> {
  const images = await listHubImages(context.client);
  const offered = images.filter((image) => !image.hidden && !image.coming_soon);
  await printRaw(context, HUB_IMAGE, offered);
}

/** Previews and their tokens belong to a sandbox. */
export function refuseDetached({ io }: Context, what: "previews" | "tokens"): never {
  const command = what === "previews" ? "get sandbox SANDBOX previews" : "get sandbox SANDBOX preview PREVIEW tokens";
  throw new AppError("INVALID_ARGUMENT", `Cannot list ${what}: they belong to a sandbox`, {
    hint: `Run '${io.program} ${command}'`,
  });
}
