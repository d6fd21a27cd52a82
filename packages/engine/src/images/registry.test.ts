import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RegistryCredentials } from "@dormouse/schema";
import { failure, ImageTools, newImageId, newSpec, Registry, runInside, useEngine } from "../../testkit/index.ts";
import { runCommand } from "../run-command.ts";
import { importOciLayout } from "./import-layout.ts";
import { resolveReference } from "./registries.ts";
import { pullToLayout, pushImage } from "./transfer.ts";

const suite = useEngine();
const USER = { username: "someone", password: "pass word:1" };
const NONE: RegistryCredentials = {};
let hub: Registry;
let closed: Registry;
let tools: ImageTools;

beforeAll(async () => {
  [hub, closed] = await Promise.all([Registry.start(), Registry.start({ user: USER })]);
  tools = await ImageTools.open(suite.data.dir, { "docker.io": hub.url, "closed.example.com": `${closed.url}/` });
  const root = tools.folder();
  mkdirSync(join(root, "bin"));
  await Bun.$`cp /bin/busybox ${root}/bin/ && ln -s busybox ${root}/bin/sh && ln -s busybox ${root}/bin/cat`.quiet();
  writeFileSync(join(root, "origin"), "docker hub");
  await hub.push("library/node:22-alpine", root, { env: { NODE: "22" }, workingDir: "/bin" });
  await closed.push("team/app:1", root, { cmd: ["sh", "-c", "echo ran > /ran; sleep 1000"] });
});

afterAll(async () => {
  await tools[Symbol.asyncDispose]();
  await Promise.all([hub[Symbol.asyncDispose](), closed[Symbol.asyncDispose]()]);
});

async function pull(reference: string, credentials = NONE, log: (line: string) => void = () => undefined) {
  const layoutDir = tools.folder();
  await pullToLayout(tools.deps, { reference, credentials, layoutDir, log, signal: new AbortController().signal });
  return await importOciLayout(tools.deps, { id: newImageId(), layoutDir });
}

test("a sandbox runs from an image of Docker Hub's name, which the operator's mirror stands for", async () => {
  const lines: string[] = [];
  const image = await pull("node:22-alpine", NONE, (line) => lines.push(line));
  expect(lines.join("\n")).toContain("Copying blob");
  const sandbox = await suite.port.create(newSpec({ image: `@${image.id}` }));
  expect((await runInside(sandbox, 'cat /origin; echo " $NODE $PWD"')).stdout).toBe("docker hub 22 /bin\n");
  expect(sandbox.image).toBe(`@${image.id}`);
  await suite.port.remove(sandbox.id);
});

test("F090 an image of a private registry takes its credentials, and is refused without or with others", async () => {
  const reference = "closed.example.com/team/app:1";
  const credentials = RegistryCredentials.parse({ "https://closed.example.com/v2/": USER });
  const image = await pull(reference, credentials);
  expect(image.config.cmd).toEqual(["sh", "-c", "echo ran > /ran; sleep 1000"]);
  for (const wrong of [NONE, { "closed.example.com": { ...USER, password: "wrong-one" } }, { "docker.io": USER }]) {
    const error = await failure(pull(reference, wrong));
    expect(error).toMatchObject({ code: "UNAUTHENTICATED" });
    expect(error.message).toBe('Cannot transfer image "closed.example.com/team/app:1": its registry refuses');
    expect(error.details).toEqual({ said: expect.stringContaining("closed.example.com/team/app") });
    expect(JSON.stringify(error)).not.toContain("wrong-one");
  }
});

test("credentials are in no argument and no environment of any process, and not on the disk", async () => {
  const seen: string[] = [];
  const look = (): void => {
    const processes = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    for (const pid of processes) for (const file of ["cmdline", "environ"]) seen.push(textOf(`/proc/${pid}/${file}`));
  };
  const pulling = pull("closed.example.com/team/app:1", { "closed.example.com": USER });
  const ended = pulling.then(() => true);
  do look();
  while (!(await Promise.race([ended, Bun.sleep(1)])));
  expect(seen.some((text) => text.includes("skopeo"))).toBe(true);
  const secrets = [USER.password, btoa(`${USER.username}:${USER.password}`)];
  for (const secret of secrets) {
    expect(seen.filter((text) => text.includes(secret) && !text.includes("bun\0test"))).toEqual([]);
    expect(
      await Bun.$`grep -rl ${secret} ${suite.data.dir}/images/ids ${suite.data.dir}/images/drafts`.nothrow().text(),
    ).toBe("");
  }
});

test("what is pushed is what is pulled, and its digest is the registry's", async () => {
  const image = await pull("node:22-alpine");
  const { signal } = new AbortController();
  const credentials = { "closed.example.com": USER };
  const target = "closed.example.com/team/copy:2";
  const { digest } = await pushImage(tools.deps, { image, reference: target, credentials, signal });
  const answer = await fetch(`${closed.url}/v2/team/copy/manifests/2`, {
    method: "HEAD",
    headers: {
      authorization: `Basic ${btoa(`${USER.username}:${USER.password}`)}`,
      accept: "application/vnd.oci.image.manifest.v1+json",
    },
  });
  expect(answer.headers.get("docker-content-digest")).toBe(digest);
  const back = await pull(target, credentials);
  expect(back).toMatchObject({ layers: image.layers, config: image.config });
  const refused = await failure(pushImage(tools.deps, { image, reference: target, credentials: NONE, signal }));
  expect(refused.code).toBe("UNAUTHENTICATED");
});

test.each([
  ["node:no-such-tag", "IMAGE_NOT_FOUND", "its registry has no such image"],
  ["nobody/nothing", "IMAGE_NOT_FOUND", "its registry has no such image"],
  ["Node Image", "INVALID_IMAGE", "it is not an image reference"],
])("pulling %s says what is wrong", async (reference, code, text) => {
  const error = await failure(pull(reference));
  expect(error).toMatchObject({ code });
  expect(error.message).toContain(text);
});

test("a registry the operator has not named is not reached through the host's network", async () => {
  const error = await failure(pull(`${hub.host}/library/node:22-alpine`));
  expect(error).toMatchObject({ code: "UPSTREAM_UNREACHABLE", hint: expect.stringContaining("DORMOUSE_REGISTRIES") });
});

test("one that is too large, or for other machines, is refused before it is fetched", async () => {
  const { signal } = new AbortController();
  const layoutDir = tools.folder();
  const request = { reference: "node:22-alpine", credentials: NONE, layoutDir, signal, maxBytes: 1000 };
  expect((await failure(pullToLayout(tools.deps, request))).code).toBe("TOO_LARGE");
  expect(readdirSync(layoutDir)).toEqual([]);
  const layers = [{ tarFile: tools.tar([{ name: "x" }]) }];
  await hub.pushLayout("library/other:s390x", await tools.layout({ layers, architecture: "s390x" }));
  expect((await failure(pull("other:s390x"))).message).toMatch(/made for linux\/s390x/);
});

test("the one for this machine is taken out of several, and Docker's own format is as good", async () => {
  const layers = () => [{ tarFile: tools.tar([{ name: "x" }]) }];
  const other = process.arch === "arm64" ? "amd64" : "arm64";
  await hub.pushLayout("library/part:other", await tools.layout({ layers: layers(), architecture: other }));
  await hub.pushLayout("library/part:ours", await tools.layout({ layers: layers(), config: { Env: ["WHOSE=ours"] } }));
  const manifests = await Promise.all(
    ["other", "ours"].map((tag) => descriptorOf(tag, tag === "ours" ? undefined : other)),
  );
  await putIndex("all", manifests);
  expect((await pull("part:all")).config.env).toEqual({ WHOSE: "ours" });
  await putIndex("others", manifests.slice(0, 1));
  const refused = await failure(pull("part:others"));
  expect(refused).toMatchObject({ code: "INVALID_IMAGE", hint: `It is for linux/${other}` });

  const [ours, docker] = ["ours", "docker"].map((tag) => `docker://${hub.host}/library/part:${tag}`);
  const plain = ["--src-tls-verify=false", "--dest-tls-verify=false", "--format=v2s2"];
  await runCommand(["skopeo", "--insecure-policy", "copy", ...plain, ours ?? "", docker ?? ""]);
  expect((await pull("part:docker")).config.env).toEqual({ WHOSE: "ours" });
});

const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const INDEX_TYPE = "application/vnd.oci.image.index.v1+json";

async function descriptorOf(tag: string, architecture: string = process.arch === "arm64" ? "arm64" : "amd64") {
  const url = `${hub.url}/v2/library/part/manifests/${tag}`;
  const answer = await fetch(url, { headers: { accept: MANIFEST_TYPE } });
  const digest = answer.headers.get("docker-content-digest");
  const size = (await answer.bytes()).length;
  return { mediaType: MANIFEST_TYPE, digest, size, platform: { os: "linux", architecture } };
}

async function putIndex(tag: string, manifests: readonly object[]): Promise<void> {
  const answer = await fetch(`${hub.url}/v2/library/part/manifests/${tag}`, {
    method: "PUT",
    headers: { "content-type": INDEX_TYPE },
    body: JSON.stringify({ schemaVersion: 2, mediaType: INDEX_TYPE, manifests }),
  });
  expect(answer.status).toBe(201);
}

test("a pull that is given up ends at once and leaves nothing", async () => {
  const abort = new AbortController();
  const pulling = pullToLayout(tools.deps, {
    reference: "node:22-alpine",
    credentials: NONE,
    layoutDir: tools.folder(),
    log: () => abort.abort(new Error("given up")),
    signal: abort.signal,
  });
  await expect(pulling).rejects.toThrow("given up");
  expect(readdirSync(tools.deps.layout.boxesDir())).toEqual([]);
});

test.each([
  ["node", "docker.io", "library/node", ":latest"],
  ["node:22-alpine", "docker.io", "library/node", ":22-alpine"],
  ["team/app", "docker.io", "team/app", ":latest"],
  ["index.docker.io/team/app:1", "docker.io", "team/app", ":1"],
  ["registry.example.com/a/b/c:1", "registry.example.com", "a/b/c", ":1"],
  ["localhost:5000/app", "localhost:5000", "app", ":latest"],
  [`app@sha256:${"0".repeat(64)}`, "docker.io", "library/app", `@sha256:${"0".repeat(64)}`],
  [`app:1@sha256:${"0".repeat(64)}`, "docker.io", "library/app", `@sha256:${"0".repeat(64)}`],
])("%s is an image in a registry", (text, registry, repository, version) => {
  expect(resolveReference(text)).toEqual({ registry, repository, version });
});

test.each([
  "",
  "a b",
  "UPPER",
  "a//b",
  "../x",
  "a:b:c",
  "a@sha256:1",
  "-x",
  "x/",
  "a.b:99999999/x",
  "x --all",
  "a@b@c",
])("%p is none", (text) => {
  expect(() => resolveReference(text)).toThrow("is not an image reference");
});

/** Empty for what is gone. */
function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
