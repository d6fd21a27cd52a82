import { expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { useProject } from "../../testkit/project.ts";

const { folder, bl } = useProject();

test("a sandbox project has its files, named after the folder, and scripts that can run", async () => {
  const { exitCode, stdout } = await bl("new", "sandbox", "My App", "-y");
  expect(exitCode).toBe(0);
  expect(stdout).toContain("✓ Your sandbox has been created successfully!");
  const made = join(folder(), "My App");
  expect(readdirSync(made).sort()).toEqual([
    "Dockerfile",
    "Makefile",
    "README.md",
    "app",
    "blaxel.toml",
    "entrypoint.sh",
  ]);
  expect(readFileSync(join(made, "blaxel.toml"), "utf8")).toContain('name = "my-app"');
  expect(statSync(join(made, "entrypoint.sh")).mode & 0o111).not.toBe(0);
});

test.each(["node", "python", "nextjs", "scratch"])("%s: what deploy would send of it is whole", async (template) => {
  const json = await bl("new", "sbx", "app", "-t", template, "-o", "json");
  expect(JSON.parse(json.stdout)).toMatchObject({ directory: "app", template, type: "sandbox" });
  const { stdout } = await bl("deploy", "-d", "app", "--dryrun", "-o", "json");
  const { resources, files } = JSON.parse(stdout);
  expect(resources[0].metadata.name).toBe("app");
  const names = files.map(({ name }: { name: string }) => name);
  expect(names).toEqual(expect.arrayContaining(["Dockerfile", "blaxel.toml", "app/entrypoint.sh"]));
});

test("a volume template has a folder of files", async () => {
  await bl("new", "volume-template", "tools");
  expect(readFileSync(join(folder(), "tools/blaxel.toml"), "utf8")).toContain('type = "volume-template"');
  const { stdout } = await bl("deploy", "-d", "tools", "--dryrun", "-o", "json");
  expect(JSON.parse(stdout)).toMatchObject({
    resources: [{ kind: "VolumeTemplate" }],
    files: [{ name: "README.txt" }],
  });
});

test("without a folder's name it gets one; the list names every template", async () => {
  const { stdout } = await bl("new", "sandbox", "-o", "json");
  expect(JSON.parse(stdout).directory).toMatch(/^sandbox-[a-z0-9]{5}$/);
  const list = JSON.parse((await bl("new", "--list", "-o", "json")).stdout);
  expect(list.map(({ name }: { name: string }) => name)).toEqual([
    "node",
    "python",
    "nextjs",
    "scratch",
    "volume-template",
  ]);
  expect((await bl("new", "--list", "sandbox")).stdout).toContain("| node ");
});

test.each([
  [["new"], "its type is missing"],
  [["new", "agent"], 'the project type "agent"'],
  [["new", "sandbox", "x", "-t", "cobol"], 'the template "cobol"'],
  [["new", "sandbox", "."], "it is there already"],
])("%p is refused with a reason", async (args, reason) => {
  const { exitCode, stderr } = await bl(...args);
  expect(exitCode).toBe(1);
  expect(stderr).toContain(reason);
});
