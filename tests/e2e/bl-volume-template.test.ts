import { afterEach, beforeEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { VolumeTemplateAnswer } from "@dormouse/schema";
import { BlUser } from "../support/bl.ts";
import { useDormouse } from "../support/suite.ts";

const suite = useDormouse();
let user: BlUser;

beforeEach(() => {
  user = new BlUser(suite.dormouse.env);
});

afterEach(async () => {
  using _ = user;
  await suite.api.removeAll();
  await user.run(["delete", "volume", "of-1", "of-latest"]);
  await user.run(["delete", "volumetemplate", "tools"]);
});

test("F233 a template from bl new, its versions from bl deploy, and volumes that begin with either", async () => {
  await user.stdout(["new", "volume-template", "tools", "--yes"]);
  const cwd = join(user.home, "tools");
  const deploy = async (content: string): Promise<void> => {
    writeFileSync(join(cwd, "files/version"), content);
    expect(await user.stdout(["deploy"], { cwd })).toContain("✓ Deployment applied successfully");
  };
  await deploy("one");
  await deploy("two");
  const { body } = await suite.api.call<VolumeTemplateAnswer>("GET", "/volume_templates/tools");
  expect(body).toMatchObject({ spec: { defaultSize: 1024 }, state: { status: "ready", versionCount: 2 } });
  const [first = "", second = ""] = body.versions.map(({ name }) => String(name));
  expect(await user.stdout(["get", "volumetemplate", "tools"])).toContain(second);

  const volume = (name: string, template: string): string =>
    `kind: Volume\nmetadata: { name: ${name} }\nspec: { size: 64, template: "${template}" }\n---\n`;
  const sandbox = `kind: Sandbox
metadata: { name: reader }
spec:
  runtime: { memory: 512 }
  volumes: [{ name: of-1, mountPath: /1 }, { name: of-latest, mountPath: /latest }]
`;
  const file = volume("of-1", `tools:${first}`) + volume("of-latest", "tools:latest") + sandbox;
  expect(await user.stdout(["apply", "-f", "-"], { input: file })).toBe(
    "Resource Volume:of-1 created\nResource Volume:of-latest created\nResource Sandbox:reader created\n",
  );
  expect(await suite.api.run("reader", "cat /1/version /latest/version; ls /latest")).toMatch(/^onetwo[^]*README.txt/);
  expect(await user.stdout(["delete", "-f", "-"], { input: file })).toContain("Resource Sandbox:reader deleted\n");
});

test("a link in a template's folder is followed inside it, and left out with a warning when it leads elsewhere", async () => {
  await user.stdout(["new", "volume-template", "tools", "--yes"]);
  const cwd = join(user.home, "tools");
  Bun.spawnSync(["ln", "-s", "README.txt", join(cwd, "files/inside")]);
  Bun.spawnSync(["ln", "-s", "/etc/passwd", join(cwd, "files/outside")]);
  const { exitCode, stderr } = await user.run(["deploy"], { cwd });
  expect(exitCode).toBe(0);
  expect(stderr).toContain('"outside" is left out');
});
