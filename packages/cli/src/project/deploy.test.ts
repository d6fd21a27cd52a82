import { beforeEach, describe, expect, test } from "bun:test";
import { useProject } from "../../testkit/project.ts";

const DOCKERFILE =
  "FROM node:22\nCOPY --from=ghcr.io/blaxel-ai/sandbox:latest /sandbox-api /usr/local/bin/sandbox-api\n";
const TOML = `name = "app"
type = "sandbox"
region = "eu-test-1"
[runtime]
memory = 2048
storageMb = 9
[[runtime.ports]]
name = "web"
target = 3000
protocol = "tcp"
[env]
MODE = "dev"
TOKEN = "$secrets.TOKEN"
[[volumes]]
name = "data"
mountPath = "/data"
`;

const { server, write, bl } = useProject();

describe("deploy of a sandbox", () => {
  beforeEach(() =>
    write({ Dockerfile: DOCKERFILE, "blaxel.toml": TOML, ".env": "TOKEN=t0k\nMODE=prod\nBL_API_KEY=a-key\n" }),
  );

  test("F079: creates the sandbox, uploads, and leaves the build to the server where no terminal is", async () => {
    const { exitCode, stdout } = await bl("deploy", "-s", "EXTRA=1");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("✓ Deployment applied successfully");
    expect(stdout).toContain("bl get sandbox app --watch");
    const [request] = server().sent("POST", "sandboxes");
    expect(request?.query).toEqual({ upload: "true" });
    expect(request?.body).toEqual({
      apiVersion: "blaxel.ai/v1alpha1",
      kind: "Sandbox",
      metadata: { name: "app", labels: { "x-blaxel-auto-generated": "true" } },
      spec: {
        region: "eu-test-1",
        volumes: [{ name: "data", mountPath: "/data" }],
        runtime: {
          memory: 2048,
          ports: [{ name: "web", target: 3000, protocol: "tcp" }],
          envs: [
            { name: "MODE", value: "prod" },
            { name: "TOKEN", value: "t0k" },
            { name: "EXTRA", value: "1" },
          ],
        },
      },
    });
    expect(Object.keys(server().archives[0] ?? {})).toEqual(["Dockerfile", "blaxel.toml"]);
    expect(server().sent("GET", "sandboxes/app")).toEqual([]);
  });

  test("one that is there is changed, and a new address asked for when an upload fails", async () => {
    server().add("sandboxes/app", "DEPLOYED");
    server().uploadFailures.push(500);
    expect((await bl("deploy", "-y")).exitCode).toBe(0);
    expect(server().sent("POST", "sandboxes")).toHaveLength(2);
    expect(server().sent("PUT", "sandboxes/app")).toHaveLength(2);
    expect(server().sent("PUT", "sandboxes/app")[0]?.query).toEqual({ upload: "true" });
  });

  test("--wait shows the log and phases, and DEPLOYED of before is no success", async () => {
    server().add("sandboxes/app", "DEPLOYED");
    server().build = { lines: ["STEP 1/2: FROM node:22"], isGood: true };
    const { exitCode, stdout } = await bl("deploy", "--wait");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/● Building[^]*● Deploying[^]*● Complete/);
    expect(stdout).toContain("STEP 1/2: FROM node:22");
  });

  test("--wait and a build that fails: the line that failed, and 1", async () => {
    server().build = { lines: ["STEP 2/2: RUN false", "Error: RUN false: exit status 1"], isGood: false };
    const { exitCode, stdout, stderr } = await bl("deploy", "--wait");
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/Error: RUN false: exit status 1/);
    expect(stderr).toContain("✗ Deploy failed\nReason: deployment failed: Cannot build the image: step 2 failed");
  });

  test("-o json and -o yaml print the result alone", async () => {
    const json = await bl("deploy", "-o", "json");
    expect(JSON.parse(json.stdout)).toEqual({
      resources: [{ kind: "Sandbox", name: "app", status: "UPLOADING", url: expect.stringContaining("/run/app") }],
      success: true,
      totalDuration: expect.stringMatching(/^\d+\.\d+s$/),
    });
    expect((await bl("deploy", "-o", "yaml")).stdout).toMatch(/^resources:\n[^]*\nsuccess: true\n/);
  });

  test("--dryrun shows the resource and the archive, and sends nothing", async () => {
    const { stdout } = await bl("deploy", "--dryrun");
    expect(stdout).toContain("kind: Sandbox\n");
    expect(stdout).toContain(`---\nFile: Dockerfile, Size: ${DOCKERFILE.length} bytes\nFile: blaxel.toml, Size: `);
    const { dryRun, files } = JSON.parse((await bl("deploy", "--dryrun", "-o", "json")).stdout);
    expect({ dryRun, names: files.map(({ name }: { name: string }) => name) }).toEqual({
      dryRun: true,
      names: ["Dockerfile", "blaxel.toml"],
    });
    expect(server().requests).toEqual([]);
  });

  test("--skip-build takes the image of the last deployment, when there is one", async () => {
    const refused = await bl("deploy", "--skip-build");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("Please deploy with a build first");
    server().add("sandboxes/app", "DEPLOYED", { spec: { runtime: { image: "sandbox/app:t1" } } });
    expect((await bl("deploy", "--skip-build")).exitCode).toBe(0);
    expect(server().sent("PUT", "sandboxes/app")[0]).toMatchObject({
      query: {},
      body: { metadata: { labels: {} }, spec: { runtime: { image: "sandbox/app:t1", skipBuild: "true" } } },
    });
    expect(server().archives).toEqual([]);
  });

  test("YAML in .blaxel is applied as well, and its failures fail the deployment", async () => {
    write({ ".blaxel/volume.yaml": "kind: Volume\nmetadata:\n  name: data\nspec:\n  size: 64\n" });
    const { stdout } = await bl("deploy");
    expect(stdout).toContain("Resource Volume:data created");
    expect(server().sent("POST", "volumes")[0]?.body).toEqual({
      kind: "Volume",
      metadata: { name: "data" },
      spec: { size: 64 },
    });
    write({ ".blaxel/x.yaml": "kind: Planet\nmetadata:\n  name: mars\n" });
    const failed = await bl("deploy", "-o", "json");
    expect(failed.exitCode).toBe(1);
    expect(JSON.parse(failed.stdout)).toMatchObject({ success: false });
    expect(failed.stderr).toContain('Resource Planet:mars error: Cannot use the kind "Planet"');
  });
});

test("an image of a registry is deployed without an upload, its credentials beside it", async () => {
  write({ "blaxel.toml": 'name = "app"\nimage = "registry.test/team/app:2"' });
  expect((await bl("deploy", "-c", "registry.test=user:pa55")).exitCode).toBe(0);
  expect(server().sent("POST", "sandboxes")[0]).toMatchObject({
    query: {},
    body: {
      spec: {
        runtime: {
          image: "registry.test/team/app:2",
          dockerConfig: JSON.stringify({ auths: { "registry.test": { auth: btoa("user:pa55") } } }),
        },
      },
    },
  });
});

describe("deploy of a volume template", () => {
  beforeEach(() =>
    write({ "blaxel.toml": 'name = "tools"\ntype = "volume-template"\ndirectory = "files"\ndefaultSize = 64' }),
  );

  test("F233: packs its folder, whatever is in it, into a new version", async () => {
    write({ "files/bin/tool": "x", "files/.env": "y", "files/node_modules/m": "z" });
    const { exitCode, stdout } = await bl("deploy");
    expect(exitCode).toBe(0);
    expect(stdout).toContain("✓ Deployment applied successfully");
    expect(server().sent("PUT", "volume_templates/tools")[0]).toMatchObject({
      query: { upload: "true" },
      body: { kind: "VolumeTemplate", metadata: { name: "tools" }, spec: { defaultSize: 64 } },
    });
    expect(server().archives).toEqual([
      { ".env": "y", "bin/": "", "bin/tool": "x", "node_modules/": "", "node_modules/m": "z" },
    ]);
  });

  test("a folder that is not there is named", async () => {
    const { exitCode, stderr } = await bl("deploy");
    expect(exitCode).toBe(1);
    expect(stderr).toContain('Reason: Cannot pack "files": there is no such folder');
  });
});
