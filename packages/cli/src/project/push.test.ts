import { beforeEach, describe, expect, test } from "bun:test";
import { useProject } from "../../testkit/project.ts";

const { server, write, bl } = useProject();

const DOCKERFILE =
  "FROM node:22\nCOPY --from=ghcr.io/blaxel-ai/sandbox:latest /sandbox-api /usr/local/bin/sandbox-api\n";

describe("push of source", () => {
  beforeEach(() =>
    write({ Dockerfile: DOCKERFILE, "blaxel.toml": 'name = "My App"\n[runtime]\ngeneration = "mk3"', "src/a.ts": "a" }),
  );

  test("F078: asks for an address, uploads the project, shows the log and ends with the image ID", async () => {
    server().build = { lines: ["STEP 1/2: FROM node:22", "STEP 2/2: COPY"], isGood: true };
    const { exitCode, stdout } = await bl("push");
    expect(exitCode).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines.at(-1)).toBe("sandbox/my-app:tag1");
    expect(stdout).toMatch(
      /Packaging source code for sandbox\/my-app\.\.\.[^]*STEP 1\/2[^]*STEP 2\/2[^]*built and pushed successfully!/,
    );
    const [request] = server().sent("POST", "images");
    expect(request).toMatchObject({
      query: { upload: "true" },
      body: { name: "my-app", resourceType: "sandbox", generation: "mk3" },
    });
    expect(server().archives).toEqual([
      { Dockerfile: DOCKERFILE, "blaxel.toml": expect.any(String), "src/": "", "src/a.ts": "a" },
    ]);
    const [upload] = server().sent("PUT", "upload");
    expect(upload?.headers.get("content-type")).toBe("application/zip");
    expect(upload?.headers.get("content-length")).toBe(String(upload?.body));
    expect(upload?.headers.get("authorization")).toBeNull();
  });

  test("a build that fails shows its last lines and ends with 1", async () => {
    server().build = { lines: ["STEP 2/2: RUN false", "Error: RUN false: exit status 1"], isGood: false };
    const { exitCode, stdout, stderr } = await bl("push");
    expect(exitCode).toBe(1);
    expect(stdout).toContain("Error: RUN false: exit status 1");
    expect(stderr).toContain("✗ Push failed\nReason: image build failed: Cannot build the image: step 2 failed");
    expect(stdout).not.toContain("sandbox/my-app:");
  });

  test("-o json leaves nothing but the image on stdout", async () => {
    const { stdout, stderr } = await bl("push", "-o", "json", "--name", "other");
    expect(JSON.parse(stdout)).toEqual({ image: "sandbox/other:tag1", name: "other", tag: "tag1" });
    expect(stderr).toContain("STEP 1/1: FROM scratch");
  });

  test("F091: build arguments and registry logins travel in the archive, and appear nowhere else", async () => {
    write({
      "blaxel.toml": 'name = "my-app"\n[build.args]\nVERSION = "1"\nLEVEL = "low"',
      ".env.build": "TOKEN=s3cret\nLEVEL=high\n",
      ".env": "RUNTIME=x\n",
    });
    const { stdout, stderr } = await bl("push", "-c", "registry.test=user:pa55");
    const [archive] = server().archives;
    expect(archive?.[".env.build"]).toBe("VERSION=1\nLEVEL=high\nTOKEN=s3cret\n");
    expect(JSON.parse(archive?.[".docker/config.json"] ?? "")).toEqual({
      auths: { "registry.test": { auth: btoa("user:pa55") } },
    });
    expect(stdout).toContain("Build args: 3 variable(s) detected");
    expect(stdout + stderr).not.toMatch(/s3cret|pa55/);
    expect(JSON.stringify(server().requests.map(({ body }) => body))).not.toMatch(/s3cret|pa55|RUNTIME/);
  });

  test("an address that fails is replaced by another, and what can never work is not tried again", async () => {
    server().uploadFailures.push(503);
    expect((await bl("push")).exitCode).toBe(0);
    expect(server().sent("POST", "images")).toHaveLength(2);
    server().uploadFailures.push(413);
    const { exitCode, stderr } = await bl("push");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Reason: refused with 413");
    expect(server().sent("PUT", "upload")).toHaveLength(3);
  });

  test("a build that takes too long, and one of nothing to build", async () => {
    server().build = { lines: [], isGood: true };
    const { exitCode, stderr } = await bl("push", "--timeout", "0s", "-d", "empty");
    expect(exitCode).toBe(1);
    expect(stderr).toContain("There is no Dockerfile in");
    expect(stderr).toContain("Reason: build timed out after 0s");
  });
});

describe("push of a folder of a larger project", () => {
  test("the whole project is packed, the folder's own files on top", async () => {
    write({
      Dockerfile: "FROM outer",
      "shared/lib.ts": "lib",
      "apps/web/Dockerfile": DOCKERFILE,
      "apps/web/blaxel.toml": 'name = "web"',
    });
    expect((await bl("push", "-d", "apps/web")).exitCode).toBe(0);
    expect(server().archives[0]).toMatchObject({
      Dockerfile: DOCKERFILE,
      "blaxel.toml": 'name = "web"',
      "shared/lib.ts": "lib",
      "apps/web/Dockerfile": DOCKERFILE,
    });
  });
});

test("F090: an image of a registry is named, not built, and its credentials go along", async () => {
  write({ "blaxel.toml": 'image = "registry.test/team/tool:1.2"' });
  server().add("images/tool", "BUILT");
  const { exitCode, stdout } = await bl("push", "-c", "registry.test=user:pa55", "--skip-build");
  expect(exitCode).toBe(0);
  expect(stdout).toContain("Pushing image registry.test/team/tool:1.2 for sandbox/tool...");
  const [request] = server().sent("POST", "images");
  expect(request?.query).toEqual({ "skip-build": "true" });
  expect(request?.body).toMatchObject({ name: "tool", image: "registry.test/team/tool:1.2" });
  expect(server().archives).toEqual([]);
});

test("a blaxel.toml that cannot be read stops before anything is sent", async () => {
  write({ "blaxel.toml": "name = " });
  const { exitCode, stderr } = await bl("push");
  expect(exitCode).toBe(1);
  expect(stderr).toContain("Reason: Cannot read blaxel.toml: line 1, column");
  expect(server().requests).toEqual([]);
});

test("a project for another workspace, one without a name, and a build to skip where there is none", async () => {
  write({ "apps/web/blaxel.toml": 'workspace = "other"\nname = "web"', "!!/Dockerfile": DOCKERFILE });
  expect((await bl("push", "-d", "apps/web")).stderr).toContain('the project is for "other"');
  expect((await bl("push", "-d", "!!")).stderr).toContain("no letter of it can stay");
  expect((await bl("push", "--skip-build")).stderr).toContain("it names no image of a registry");
  expect(server().requests).toEqual([]);
});

test("a time that is none is refused before anything is sent", async () => {
  expect(bl("push", "--timeout", "soon")).rejects.toThrow("Write it such as 90s");
  expect(server().requests).toEqual([]);
});

test("a type that this server has none of", async () => {
  const { exitCode, stderr } = await bl("push", "-t", "agent");
  expect(exitCode).toBe(1);
  expect(stderr).toContain('Cannot use the project type "agent"');
});

test("a project without any Dockerfile stops before anything is sent, and shows what one looks like", async () => {
  write({ "src/a.ts": "a" });
  const { exitCode, stderr } = await bl("push");
  expect(exitCode).toBe(1);
  expect(stderr).toContain("Reason: Cannot build an image of");
  expect(stderr).toContain("COPY --from=ghcr.io/blaxel-ai/sandbox:latest");
  expect(server().requests).toEqual([]);
});
