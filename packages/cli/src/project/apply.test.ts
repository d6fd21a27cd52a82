import { expect, test } from "bun:test";
import { runCli } from "../../testkit/run-cli.ts";
import { useProject } from "../../testkit/project.ts";

const { server, folder, write, bl } = useProject();

const FILE = `apiVersion: blaxel.ai/v1alpha1
kind: Volume
metadata: { name: data }
spec: { size: $SIZE }
---
kind: Sandbox
metadata: { name: "\${NAME:app}" }
spec: { runtime: { envs: [{ name: TOKEN, value: $secrets.TOKEN }] } }
`;

test("documents go out in their order, variables filled in, each made or changed as its kind is", async () => {
  write({ "all.yaml": FILE, ".env": "SIZE=64\n" });
  const first = await bl("apply", "-f", "all.yaml", "-s", "TOKEN=t0k");
  expect(first).toMatchObject({ exitCode: 0, stdout: "Resource Volume:data created\nResource Sandbox:app created\n" });
  expect(server().sent("POST", "volumes")[0]?.body).toMatchObject({ spec: { size: 64 } });
  expect(server().sent("POST", "sandboxes")[0]?.body).toMatchObject({
    spec: { runtime: { envs: [{ name: "TOKEN", value: "t0k" }] } },
  });
  const again = await bl("apply", "-f", "all.yaml", "-s", "TOKEN=t0k", "-o", "json");
  expect(JSON.parse(again.stdout)).toEqual({
    applied: [
      { kind: "Volume", name: "data", action: "configured" },
      { kind: "Sandbox", name: "app", action: "configured" },
    ],
    failed: [],
    success: true,
  });
});

test("one that fails leaves the others alone, and ends with 1", async () => {
  write({ "all.yaml": "kind: Planet\nmetadata: { name: mars }\n---\nkind: Volume\nmetadata: { name: data }\n" });
  const { exitCode, stdout, stderr } = await bl("apply", "-f", "all.yaml");
  expect(exitCode).toBe(1);
  expect(stdout).toBe("Resource Volume:data created\n");
  expect(stderr).toContain('Resource Planet:mars error: Cannot use the kind "Planet"');
});

test("folders, with folders in them when asked, and standard input", async () => {
  const volume = (name: string): string => `kind: Volume\nmetadata: { name: ${name} }\n`;
  write({
    "deploy/b.yml": volume("b"),
    "deploy/a.yaml": volume("a"),
    "deploy/deep/c.yaml": volume("c"),
    "deploy/x.txt": "",
  });
  expect((await bl("apply", "-f", "deploy")).stdout).toBe("Resource Volume:a created\nResource Volume:b created\n");
  expect((await bl("apply", "-R", "-f", "deploy")).stdout).toContain("Resource Volume:c created");
  const piped = await runCli(["apply", "-f", "-"], { cwd: folder(), env: server().env, input: volume("d") });
  expect(piped.stdout).toBe("Resource Volume:d created\n");
});

test("a secret that nobody has set, a file that is not there and one that is no YAML stop everything", async () => {
  write({ "all.yaml": FILE, "bad.yaml": "kind: [", "none.yaml": "metadata: { name: x }" });
  expect((await bl("apply", "-f", "all.yaml")).stderr).toContain("Cannot fill in $secrets.TOKEN: it is not set");
  expect((await bl("apply", "-f", "missing.yaml")).stderr).toContain("there is no such file or folder");
  expect((await bl("apply", "-f", "bad.yaml")).stderr).toContain("bad.yaml: ");
  expect((await bl("apply", "-f", "none.yaml")).stderr).toContain("at kind");
  expect(server().requests).toEqual([]);
});

test("previews and their tokens are made in their sandbox, and their addresses shown", async () => {
  write({
    "web.yaml": `kind: Preview
metadata: { name: web, resourceName: app }
spec: { port: 3000, public: true, url: "http://web.test" }
---
kind: PreviewToken
metadata: { name: guest, resourceName: app, previewName: web }
spec: { token: t0k }
`,
  });
  const { stdout } = await bl("apply", "-f", "web.yaml");
  expect(stdout).toBe(
    "Resource Preview:web created url=http://web.test\n" +
      "Resource PreviewToken:guest created url=http://web.test?bl_preview_token=t0k\n",
  );
  expect(server().sent("POST", "sandboxes/app/previews")).toHaveLength(1);
  expect(server().sent("POST", "sandboxes/app/previews/web/tokens")).toHaveLength(1);
});

test("delete -f removes them, the last one first", async () => {
  write({ "all.yaml": FILE });
  const { exitCode, stdout } = await bl("delete", "-f", "all.yaml", "-s", "TOKEN=x", "-s", "SIZE=1");
  expect({ exitCode, stdout }).toEqual({
    exitCode: 0,
    stdout: "Resource Sandbox:app deleted\nResource Volume:data deleted\n",
  });
  expect(server().sent("DELETE", "volumes/data")).toHaveLength(1);
  expect((await bl("delete")).stderr).toContain("Reason: Cannot delete: nothing is named");
});
