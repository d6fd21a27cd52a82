import { afterAll, afterEach, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ImageAnswer, ImageBuildAnswer } from "@dormouse/schema";
import { BlUser } from "../support/bl.ts";
import { startRegistryWith } from "../support/registry.ts";
import { useDormouse } from "../support/suite.ts";
import { untilStatus, upload } from "../support/uploads.ts";

/* Real registries on loopback, one standing for Docker Hub, one that wants a password. */
const USER = { username: "robot", password: "open-pa55:sesame" };
const hub = await startRegistryWith("library/busybox:1.36");
const closed = await startRegistryWith("team/app:1", { user: USER });
const suite = useDormouse({
  DORMOUSE_REGISTRIES: `docker.io=${hub.url},registry.example.com=${closed.url}`,
  DORMOUSE_LOG: "info",
});

const REFERENCE = "registry.example.com/team/app:1";
const AUTH = Buffer.from(`${USER.username}:${USER.password}`).toString("base64");
const DOCKER_CONFIG = JSON.stringify({ auths: { "registry.example.com": { auth: AUTH } } });

afterEach(async () => {
  await suite.api.removeAll();
  const { body } = await suite.api.call<ImageAnswer[]>("GET", "/images");
  for (const { metadata } of body) await suite.api.call("DELETE", `/images/sandbox/${metadata.name}`);
});

afterAll(async () => {
  await hub[Symbol.asyncDispose]();
  await closed[Symbol.asyncDispose]();
});

test("F090 a sandbox from an image of a registry with a password serves when it is answered; the password is kept nowhere", async () => {
  const { api, dormouse } = suite;
  const runtime = { image: REFERENCE, dockerConfig: DOCKER_CONFIG, memory: 256 };
  const { spec, status } = await api.create("fetched", { runtime });
  expect(status).toBe("DEPLOYED");
  expect(spec.runtime.image).toMatch(/^sandbox\/fetched:\w+$/);
  expect(await api.run("fetched", "echo it runs")).toBe("it runs\n");
  await api.remove("fetched");
  await api.create("second", { runtime: { image: "fetched", memory: 256 } });
  expect(dormouse.output()).toContain("image.build");
  for (const secret of [USER.password, AUTH]) {
    expect(dormouse.output()).not.toContain(secret);
    expect(await filesWith(secret, dormouse.dataDir)).toBe("");
  }
});

test("F090 without the password, or with another, the image is refused with what is wrong", async () => {
  const { api } = suite;
  const body = { metadata: { name: "refused" }, spec: { runtime: { image: REFERENCE, memory: 256 } } };
  const refused = await api.call<{ message: string }>("POST", "/sandboxes", { body });
  expect(refused.status).toBeGreaterThanOrEqual(400);
  expect(refused.body.message).toContain("credentials");
  expect(await api.get("refused")).toMatchObject({ status: "FAILED" });
});

test("F088 F090 an image is fetched without a sandbox, at once or to be watched", async () => {
  const { api } = suite;
  const body = { name: "app", resourceType: "sandbox", image: REFERENCE, dockerConfig: DOCKER_CONFIG };
  const at = await api.call<ImageBuildAnswer>("POST", "/images?skip-build=true", { body });
  expect(at.body).toMatchObject({ build: false, image: expect.stringMatching(/^sandbox\/app:\w+$/) });
  const watched = await api.call<ImageBuildAnswer>("POST", "/images", { body });
  expect(watched.body).toMatchObject({ build: true });
  await untilBuilt("app", 2);
});

test("F090 bl push and bl deploy take the image of a registry, by blaxel.toml and with credentials of each kind", async () => {
  const { api, dormouse } = suite;
  using user = new BlUser({ BL_API_URL: dormouse.env["BL_API_URL"] ?? "" });
  await user.stdout(["login", "default"], { env: { BL_API_KEY: api.key } });
  /* Beside the logins, which are no resources of the project. */
  const cwd = user.home;
  mkdirSync(join(cwd, ".docker"), { recursive: true });
  writeFileSync(join(cwd, "blaxel.toml"), `type = "sandbox"\nimage = "${REFERENCE}"\n[runtime]\nmemory = 256\n`);
  const credential = `registry.example.com=${USER.username}:${USER.password}`;
  const pushed = await user.stdout(["push", "-y", "-c", credential], { cwd });
  const id = pushed.trim().split("\n").at(-1) ?? "";
  expect(id).toMatch(/^sandbox\/app:\w+$/);
  await api.create("of-push", { runtime: { image: id, memory: 256 } });
  expect(await api.run("of-push", "echo it runs")).toBe("it runs\n");
  writeFileSync(join(cwd, ".docker/config.json"), DOCKER_CONFIG);
  await user.stdout(["deploy", "-y", "--wait", "-n", "of-deploy"], { cwd });
  expect(await api.run("of-deploy", "echo it runs too")).toBe("it runs too\n");
  const refused = await user.run(["push", "-y", "-c", "registry.example.com=robot:wrong"], { cwd });
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain("credentials");
  expect(refused.stderr + pushed).not.toContain(USER.password);
});

/** Names of the files below a folder that have the text in them; layers of images are others' work. */
async function filesWith(text: string, dir: string): Promise<string> {
  const options = ["-rlF", "--devices=skip", "--exclude-dir=layers"];
  return new Response(Bun.spawn(["grep", ...options, "-e", text, dir], { stderr: "ignore" }).stdout).text();
}

async function untilBuilt(name: string, versionCount: number): Promise<void> {
  for (;;) {
    const { body } = await suite.api.call<ImageAnswer>("GET", `/images/sandbox/${name}`);
    expect(body.metadata.status).not.toBe("FAILED");
    if (body.metadata.status === "BUILT" && body.spec.tags.length === versionCount) return;
    await Bun.sleep(100);
  }
}

test("F074 a Dockerfile is built on an image of Docker Hub, by its short name", async () => {
  await upload(suite.api, "hubbed", { Dockerfile: "FROM busybox:1.36\nRUN echo built > /built\n" });
  await untilStatus(suite.api, "hubbed", "DEPLOYED");
  expect(await suite.api.run("hubbed", "cat /built")).toBe("built\n");
});
