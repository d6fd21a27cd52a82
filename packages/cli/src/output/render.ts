import type { Context } from "../context.ts";
import type { Item, Resource, View } from "../resources/resource.ts";
import { paintFor } from "./styles.ts";
import { renderTable } from "./table.ts";

const API_VERSION = "blaxel.ai/v1alpha1";

/** Prints things as a table, or as the format that was asked for. */
export async function printItems(context: Context, resource: Resource, items: readonly Item[]): Promise<void> {
  await printFormatted(context, resource, { items, data: items.map((item) => documentOf(resource, item)) });
}

/** The same for things that have no document of their own: data formats then show what the API said. */
export async function printRaw(context: Context, resource: Resource, items: readonly Item[]): Promise<void> {
  await printFormatted(context, resource, { items, data: items });
}

/** One thing that has no document of its own. */
export async function printOneRaw(context: Context, resource: Resource, item: Item): Promise<void> {
  await printFormatted(context, resource, { items: [item], data: item });
}

interface Printed {
  readonly items: readonly Item[];
  readonly data: unknown;
}

async function printFormatted({ io, options }: Context, resource: Resource, { items, data }: Printed): Promise<void> {
  if (options.output === "json") {
    io.stdout.write(`${JSON.stringify(data, null, 2)}\n`);
    return;
  }
  if (options.output === "yaml" || options.output === "pretty") {
    const { colourYaml, toYaml } = await import("./yaml.ts");
    const documents = (Array.isArray(data) ? data : [data]).map((document) => `---\n${toYaml(document)}\n`).join("");
    io.stdout.write(options.output === "yaml" ? documents : colourYaml(documents, paintFor(io, "stdout")));
    return;
  }
  io.stdout.write(renderItems(resource, items, viewOf(io, options.utc === true)));
}

export const viewOf = (io: Context["io"], utc: boolean): View => ({
  utc,
  columns: io.terminalSize()?.columns,
  nowMs: Date.now(),
});

export const renderItems = ({ columns }: Resource, items: readonly Item[], view: View): string =>
  renderTable(
    columns,
    items.map((item) => columns.map(({ cell }) => cell(item, view))),
    view.columns,
  );

/** As Blaxel's command line writes it, with what a sandbox is doing, and why it failed, beside it. */
function documentOf({ kind }: Resource, item: Item): Item {
  const { metadata, spec, status, state, expiresIn, lastUsedAt, errors } = item as Readonly<Record<string, unknown>>;
  return {
    apiVersion: API_VERSION,
    kind,
    metadata,
    spec,
    status: typeof status === "string" ? status : "-",
    ...(state !== undefined && { state }),
    ...(expiresIn !== undefined && { expiresIn }),
    ...(lastUsedAt !== undefined && { lastUsedAt }),
    ...(errors !== undefined && { errors }),
  };
}
