import { listSandboxes } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { isForPeople } from "../get/list.ts";
import { printItems } from "../output/render.ts";
import {
  type Column,
  type Item,
  type Resource,
  NOTHING,
  textAt,
  textColumn,
  type View,
} from "../resources/resource.ts";
import { megabytesColumn } from "../resources/sizes.ts";
import { SANDBOX } from "../resources/table.ts";

const RUNNING_SANDBOX: Resource = {
  ...SANDBOX,
  columns: [
    textColumn("NAME", "metadata.name"),
    { heading: "STATE", cell: (item) => stateOf(item) },
    megabytesColumn("MEMORY", "spec.runtime.memory"),
    { heading: "AGE", cell: (item, view) => ageOf(textAt(item, "metadata.createdAt"), view) },
    textColumn("IMAGE", "spec.runtime.image", "cut"),
  ] satisfies Column[],
};

/** What it is doing, or what became of it. */
function stateOf(item: Item): string {
  const state = textAt(item, "state");
  return state === NOTHING ? textAt(item, "status") : state;
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
] as const;

/** As in `3d`, in the largest unit that fits. */
function ageOf(createdAt: string, { nowMs }: View): string {
  const ageMs = Math.max(0, nowMs - Date.parse(createdAt));
  if (Number.isNaN(ageMs)) return NOTHING;
  const [unit, lengthMs] = UNITS.find(([, length]) => ageMs >= length) ?? ["s", 1000];
  return `${Math.floor(ageMs / lengthMs)}${unit}`;
}

const PAGE_LENGTH = 200;

/** `ps`: the sandboxes there are, with whether they run or sleep. */
export async function ps(context: Context): Promise<void> {
  const { data, meta } = await listSandboxes(context.client, { limit: PAGE_LENGTH });
  if (data.length === 0 && isForPeople(context)) return context.say.info("No sandboxes found");
  await printItems(context, RUNNING_SANDBOX, data);
  if ((meta.nextCursor ?? "") !== "") {
    context.io.stderr.write(`Showing the newest ${data.length} of ${meta.total ?? "more"} sandboxes.\n`);
  }
}
