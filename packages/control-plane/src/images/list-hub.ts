import type { HubImage, HubImageAnswer } from "@dormouse/schema";
import type { ControlPlaneDeps } from "../ports.ts";

/** The public images there are recipes of. Only what the engine has can be used now; `coming_soon` says so of the others. */
export async function listHub({ engine, hub }: Pick<ControlPlaneDeps, "engine" | "hub">): Promise<HubImageAnswer[]> {
  const built = new Set((await engine.images()).filter(({ tag }) => tag === "latest").map(({ name }) => name));
  return hub.map((image) => renderHubImage(image, built.has(image.name)));
}

function renderHubImage(image: HubImage, isBuilt: boolean): HubImageAnswer {
  const { name, displayName, description, longDescription, memory, ports, categories, tags, icon, url, hidden } = image;
  return {
    name,
    displayName,
    image: `blaxel/${name}:latest`,
    description,
    ...(longDescription !== undefined && { longDescription }),
    memory,
    ports,
    categories: categories.map((category) => ({ name: category })),
    tags: tags.join(","),
    ...(icon !== undefined && { icon }),
    ...(url !== undefined && { url }),
    hidden,
    coming_soon: !isBuilt,
    enterprise: false,
  };
}
