import { afterEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zipOf } from "@dormouse/kernel/testkit";
import type { VolumeTemplateAnswer } from "@dormouse/schema";
import { useDormouse } from "../support/suite.ts";

/* Uploads from outside, as an attacker and as bad luck make them. */
const suite = useDormouse();

afterEach(async () => {
  const { body } = await suite.api.call<VolumeTemplateAnswer[]>("GET", "/volume_templates");
  for (const { metadata } of body) await suite.api.call("DELETE", `/volume_templates/${metadata.name}`);
  expect(volumeFiles()).toEqual([]);
});

const volumeFiles = (): string[] => readdirSync(join(suite.dormouse.dataDir, "volumes"));

/** The address for a new version. */
async function uploadUrl(name: string, defaultSize = 64): Promise<string> {
  const response = await fetch(`${suite.api.env["BL_API_URL"]}/volume_templates/${name}?upload=true`, {
    method: "PUT",
    headers: { authorization: `Bearer ${suite.api.key}`, "content-type": "application/json" },
    body: JSON.stringify({ spec: { defaultSize } }),
  });
  expect(response.status).toBe(200);
  return response.headers.get("x-blaxel-upload-url") ?? "";
}

const put = (url: string, body: Uint8Array | ReadableStream<Uint8Array>): Promise<Response> =>
  fetch(url, { method: "PUT", body: body as Bun.BodyInit });

const versionsOf = async (name: string) =>
  (await suite.api.call<VolumeTemplateAnswer>("GET", `/volume_templates/${name}`)).body.versions;

/** Resolves when the newest version is no longer being made. */
async function settled(name: string): Promise<unknown> {
  for (;;) {
    const newest = await versionsOf(name).then(
      (versions) => versions.at(-1),
      () => undefined,
    );
    if (newest !== undefined && newest.status !== "CREATED") return newest;
    await Bun.sleep(20);
  }
}

const LARGE = zipOf([{ name: "x", content: randomBytes(24 * 1024 * 1024) }]);

/** Gives the archive's first half, and the rest never. */
const halfOf = (archive: Buffer): ReadableStream<Uint8Array> =>
  new ReadableStream({ start: (controller) => controller.enqueue(archive.subarray(0, archive.length / 2)) });

async function untilThereIs(ending: string): Promise<void> {
  while (!volumeFiles().some((file) => file.endsWith(ending))) await Bun.sleep(1);
}

test.each<readonly [string, Buffer, number, string]>([
  [
    "a symbolic link to the host's files",
    zipOf([{ name: "x", content: "/etc/shadow", unixMode: 0o120777 }]),
    400,
    "symbolic link",
  ],
  ["a path that climbs out", zipOf([{ name: "../../../etc/cron.d/x", content: "x" }]), 400, '".."'],
  ["an absolute path", zipOf([{ name: "/etc/cron.d/x", content: "x" }]), 400, "absolute"],
  ["a bomb", zipOf([{ name: "x", content: Buffer.alloc(48 * 1024 * 1024) }]), 400, "250 times"],
  ["no archive", Buffer.from("hello"), 400, "neither a ZIP nor a TAR file"],
  ["one larger than the volume", Buffer.alloc(80 * 1024 * 1024), 413, "larger than the volume"],
])(
  "F233 an upload of %s is refused, its version says why, and its address is spent",
  async (_title, archive, status, sentence) => {
    const url = await uploadUrl("attacked");
    const response = await put(url, archive);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ message: expect.stringContaining(sentence) });
    expect(await versionsOf("attacked")).toMatchObject([
      { status: "FAILED", error: expect.stringContaining(sentence) },
    ]);
    expect((await put(url, archive)).status).toBe(403);
    expect(volumeFiles()).toEqual([]);
  },
);

test("F233 the archive is streamed: its size is not in the server's or the engine's memory", async () => {
  const size = 400;
  const url = await uploadUrl("large", 2 * size);
  const archive = zipOf([{ name: "x", content: randomBytes(size * 1024 * 1024), isStored: true }]);
  const before = [suite.dormouse.pids.server(), suite.dormouse.pids.engine()].map(peakMiB);
  expect((await put(url, archive)).status).toBe(200);
  const after = [suite.dormouse.pids.server(), suite.dormouse.pids.engine()].map(peakMiB);
  for (const [index, peak] of after.entries()) expect(peak - (before[index] ?? 0)).toBeLessThan(size / 2);
});

/** Most memory a process ever had. */
function peakMiB(pid: number): number {
  return Number(/^VmHWM:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

test("F233 an upload whose client goes away fails its version and leaves nothing", async () => {
  const url = await uploadUrl("dropped");
  const gone = new AbortController();
  const uploading = fetch(url, { method: "PUT", body: halfOf(LARGE), signal: gone.signal }).catch(() => undefined);
  await untilThereIs(".archive.new");
  gone.abort();
  await uploading;
  expect(await settled("dropped")).toMatchObject({ status: "FAILED", error: expect.stringContaining("cut off") });
  expect(volumeFiles()).toEqual([]);
});

const kill = (pid: number): void => void process.kill(pid, "SIGKILL");

test.each([
  ["the server", ".archive.new", () => kill(suite.dormouse.pids.server())],
  ["the server", ".img.new", () => kill(suite.dormouse.pids.server())],
  ["the engine", ".archive.new", () => kill(suite.dormouse.pids.engine())],
  ["the engine", ".img.new", () => kill(suite.dormouse.pids.engine())],
])(
  "F233 kill -9 of %s, while there is a %s: the version has failed, and the next upload works",
  async (_victim, ending, strike) => {
    const url = await uploadUrl("cut");
    const body = ending === ".archive.new" ? halfOf(LARGE) : new Uint8Array(LARGE);
    const uploading = put(url, body).catch(() => undefined);
    await untilThereIs(ending);
    strike();
    await uploading;
    expect(await settled("cut")).toMatchObject({ status: "FAILED", error: expect.stringContaining("Cannot ") });
    expect(volumeFiles()).toEqual([]);
    const next = await put(await uploadUrl("cut"), zipOf([{ name: "x", content: "whole" }]));
    expect(next.status).toBe(200);
  },
);
