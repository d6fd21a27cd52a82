import { expect, test } from "bun:test";
import { parseProjectFile } from "./blaxel-toml.ts";
import { providesSandboxApi } from "./dockerfile-check.ts";
import { renderTemplate, TEMPLATES } from "./templates.ts";

const sandboxTemplates = TEMPLATES.filter(({ type }) => type === "sandbox");
const rendered = (name: string): Record<string, string> => {
  const template = TEMPLATES.find((candidate) => candidate.name === name);
  if (template === undefined) throw new Error(`there is no template ${name}`);
  return renderTemplate(template, "my-app");
};

test.each(TEMPLATES.map(({ name }) => name))("%s leaves no placeholder, and its blaxel.toml has the name", (name) => {
  const files = rendered(name);
  for (const [path, text] of Object.entries(files)) {
    expect({ path, left: text.match(/\{\{\w*\}\}/g) }).toEqual({ path, left: null });
    expect(text).toEndWith("\n");
  }
  expect(parseProjectFile(files["blaxel.toml"] ?? "", { env: {}, secrets: {} }).project.name).toBe("my-app");
});

test.each(sandboxTemplates.map(({ name }) => name))(
  "%s has the files of a sandbox and scripts a shell can read",
  (name) => {
    const files = rendered(name);
    expect(Object.keys(files)).toEqual(
      expect.arrayContaining(["Dockerfile", "Makefile", "README.md", "blaxel.toml", "entrypoint.sh"]),
    );
    expect(providesSandboxApi(files["Dockerfile"] ?? "")).toBe(true);
    const shell = Bun.spawnSync(["sh", "-n"], { stdin: Buffer.from(files["entrypoint.sh"] ?? "") });
    expect(shell.stderr.toString()).toBe("");
  },
);
