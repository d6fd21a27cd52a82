import { expect, test } from "bun:test";
import { join } from "node:path";

const COMMAND_LINE = /node_modules\/commander|packages\/cli/;
const RARELY_NEEDED = /node_modules\/pg\/|control-plane\/src\/openapi/;

test.each([
  { part: "engine", others: /packages\/(control-plane|gateway|store)\// },
  { part: "server", others: /packages\/engine\/src\/(sandboxes|images|builds|network|volumes)/ },
])(
  "$part starts without what only others need, the command line and what is rarely needed",
  async ({ part, others }) => {
    const loaded = await loadedAtStart(`apps/dormouse/src/commands/${part}.ts`);
    expect(loaded).toContain("packages/kernel/src/errors.ts");
    expect(
      loaded.filter((file) => [others, COMMAND_LINE, RARELY_NEEDED].some((unwanted) => unwanted.test(file))),
    ).toEqual([]);
  },
);

/** Files whose code a bundle runs for `entry`, given from the root, before anything asks for more. */
async function loadedAtStart(entry: string): Promise<string[]> {
  const root = join(import.meta.dir, "../../..");
  const { metafile } = await Bun.build({
    entrypoints: [join(root, entry)],
    target: "bun",
    splitting: true,
    metafile: true,
    root,
  });
  const outputs = metafile?.outputs ?? {};
  const chunk = Object.keys(outputs).find((name) => outputs[name]?.entryPoint?.endsWith(entry));
  const loaded = new Set<string>();
  const follow = (name: string): void => {
    const output = outputs[name];
    if (output === undefined || loaded.has(name)) return;
    loaded.add(name);
    for (const { path, kind } of output.imports) if (kind === "import-statement") follow(path);
  };
  follow(chunk ?? "");
  return [...loaded].flatMap((name) => Object.keys(outputs[name]?.inputs ?? {}));
}
