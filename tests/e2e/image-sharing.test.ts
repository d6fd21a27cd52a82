import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ImageAnswer, SandboxAnswer } from "@dormouse/schema";
import { type Answer, Api } from "../support/api.ts";
import { eventually } from "../support/eventually.ts";
import { useDormouse } from "../support/suite.ts";
import { packed, putContext, uploadUrl } from "../support/uploads.ts";

/* An image that one workspace builds and another one uses, on the real engine. */
afterAll(async () => {
  const { body } = await asTeam<SandboxAnswer[]>("GET", "/sandboxes");
  for (const { metadata } of body) await asTeam("DELETE", `/sandboxes/${metadata.name}`);
});
const suite = useDormouse();

const TEAM = "team";
const IMAGE = "/images/sandbox/tools";
const BUILD_MAX_MS = 110_000;
const POLL_MS = 100;

/** A call of the control plane as the other workspace. */
const asTeam = <T = unknown>(method: string, path: string, body?: unknown): Promise<Answer<T>> =>
  suite.api.call<T>(method, path, { headers: { "x-blaxel-workspace": TEAM }, ...(body !== undefined && { body }) });

/** Commands in the other workspace's sandboxes. */
const run = (name: string, command: string): Promise<string> =>
  new Api({ ...suite.dormouse.env, BL_WORKSPACE: TEAM }).run(name, command);

const create = (name: string, image: string): Promise<Answer<SandboxAnswer>> =>
  asTeam("POST", "/sandboxes", { metadata: { name }, spec: { runtime: { image, memory: 512 } } });

/** Resolves with the image's versions once it has one more. */
async function push(text: string): Promise<string[]> {
  const { api } = suite;
  const before = await tagsIn(api.call<ImageAnswer>("GET", IMAGE));
  const url = await uploadUrl(api, "tools", { path: "/images", body: { name: "tools", resourceType: "sandbox" } });
  const Dockerfile = `FROM blaxel/base-image:latest\nRUN echo ${text} > /version\n`;
  expect((await putContext(url, packed({ Dockerfile }))).status).toBe(200);
  const deadlineMs = performance.now() + BUILD_MAX_MS;
  for (;;) {
    const tags = await tagsIn(api.call<ImageAnswer>("GET", IMAGE));
    if (tags.length > before.length) return tags;
    if (performance.now() > deadlineMs) throw new Error("the image is not built in time");
    await Bun.sleep(POLL_MS);
  }
}

async function tagsIn(answer: Promise<Answer<ImageAnswer>>): Promise<string[]> {
  const { status, body } = await answer;
  return status === 200 ? body.spec.tags.map(({ name }) => name) : [];
}

const share = (): Promise<Answer> => suite.api.call("POST", `${IMAGE}/share`, { body: { targetWorkspace: TEAM } });
const unshare = (): Promise<Answer> => suite.api.call("DELETE", `${IMAGE}/share/${TEAM}`);

beforeAll(async () => {
  expect(await suite.api.call("POST", "/workspaces", { body: { name: TEAM } })).toMatchObject({ status: 200 });
});

test("F026 F070 F095 F096 F098 another workspace starts sandboxes from an image and from its new versions", async () => {
  const [first = ""] = await push("one");
  expect(await create("early", "tools")).toMatchObject({ status: 400 });
  expect(await share()).toMatchObject({ status: 200 });
  expect(await create("one", "tools")).toMatchObject({ status: 200 });
  const versions = await push("two");
  expect(await tagsIn(asTeam("GET", IMAGE))).toEqual(versions);
  expect(await create("two", "sandbox/tools")).toMatchObject({ status: 200 });
  expect(await create("old", `tools:${first}`)).toMatchObject({ status: 200 });
  const shown = await Promise.all(["one", "two", "old"].map((name) => run(name, "cat /version")));
  expect(shown).toEqual(["one\n", "two\n", "one\n"]);
});

test("a sandbox keeps its version when it starts anew with other memory", async () => {
  const memory = { spec: { runtime: { memory: 640 } } };
  expect(await asTeam("PUT", "/sandboxes/one", memory)).toMatchObject({ status: 200 });
  expect(await run("one", "cat /version")).toBe("one\n");
});

test("F104 once it is unshared what runs goes on, and what has ended does not start again until it is shared", async () => {
  expect(await suite.api.call("DELETE", IMAGE)).toMatchObject({ status: 400 });
  expect(await unshare()).toMatchObject({ status: 200 });
  expect(await create("late", "sandbox/tools")).toMatchObject({ status: 400, body: { code: "INVALID_IMAGE" } });
  expect(await run("one", "cat /version")).toBe("one\n");
  const api = new Api({ ...suite.dormouse.env, BL_WORKSPACE: TEAM });
  await api.process("one", { command: "kill -9 1 $PPID; kill -TERM 1" }).catch(() => undefined);
  await eventually(async () => {
    const answer = await api.fetch("one", "/health");
    expect({ status: answer.status, text: await answer.text() }).toEqual({
      status: 403,
      text: expect.stringContaining("is not shared with its workspace"),
    });
  });
  expect(await share()).toMatchObject({ status: 200 });
  expect(await eventually(() => run("one", "cat /version"))).toBe("one\n");
});

test("F103 the source deletes it once it is unshared; what the other workspace still runs keeps its files", async () => {
  expect(await unshare()).toMatchObject({ status: 200 });
  expect(await suite.api.call("DELETE", IMAGE)).toMatchObject({ status: 200 });
  expect(await suite.api.call("GET", "/images")).toMatchObject({ body: [] });
  expect(await run("two", "cat /version")).toBe("two\n");
  expect(await suite.api.call("DELETE", "/images")).toMatchObject({ status: 200, body: { deleted: 0 } });
  expect(await run("two", "cat /version; ls /bin/bash")).toBe("two\n/bin/bash\n");
});
