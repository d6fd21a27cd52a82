import { expect, test } from "bun:test";
import type { UploadParts, UploadSummary } from "@dormouse/schema";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { startTestAgent, type TestAgent, until } from "../testing/agent.ts";
import {
  abort,
  beginPart,
  bytesOf,
  completeWith,
  errorOf,
  initiate,
  putPart,
  sendPart,
} from "./testing/upload-client.ts";

const MISSING_ID = "00000000-0000-4000-8000-000000000000";
const md5 = (bytes: Uint8Array | string) => new Bun.CryptoHasher("md5").update(bytes).digest("hex");
const stagingOf = (folder: string) => readdirSync(folder).filter((name) => name.startsWith(".dormouse-upload-"));

async function upload(agent: TestAgent, path: string, parts: readonly (readonly [number, Buffer<ArrayBuffer>])[]) {
  const { uploadId } = await initiate(agent, path);
  const sent = [];
  for (const part of parts) sent.push(await sendPart(agent, uploadId, part));
  return completeWith(agent, uploadId, sent);
}

test("a file comes together from its parts, and nothing of the upload is left", async () => {
  await using agent = startTestAgent();
  const path = join(agent.folder, "new/dir/big.bin");
  const { uploadId, path: shown } = await initiate(agent, path, { permissions: "0600" });
  expect(uploadId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(shown).toBe(path);
  const contents = [bytesOf(1, 300_000), bytesOf(2, 300_000), bytesOf(3, 1000)];
  const parts = await Promise.all(contents.map((bytes, index) => sendPart(agent, uploadId, [index + 1, bytes])));
  expect(parts[2]).toEqual({ partNumber: 3, etag: md5(bytesOf(3, 1000)), size: 1000 });
  expect(existsSync(join(agent.folder, "new"))).toBe(false);
  const done = await completeWith(agent, uploadId, parts);
  expect([done.status, await done.json()]).toEqual([200, { path, message: "Multipart upload completed successfully" }]);
  expect(readFileSync(path)).toEqual(Buffer.concat(contents));
  expect(statSync(path).mode & 0o7777).toBe(0o600);
  expect(readdirSync(agent.folder)).toEqual(["new"]);
  expect((await completeWith(agent, uploadId, parts)).status).toBe(404);
});

test("relative paths start in the working directory and are answered absolute", async () => {
  await using agent = startTestAgent();
  const response = await agent.request("/filesystem-multipart/initiate/rel/f", { method: "POST" });
  const { uploadId, path } = (await response.json()) as { uploadId: string; path: string };
  expect(path).toBe(join(agent.folder, "rel/f"));
  const part = await sendPart(agent, uploadId, [1, "content"]);
  expect(await (await completeWith(agent, uploadId, [part])).json()).toMatchObject({ path });
  expect([readFileSync(path, "utf8"), statSync(path).mode & 0o777]).toEqual(["content", 0o644]);
});

test("parts of any size arrive in any order, and only the listed ones count (ENG-2680)", async () => {
  await using agent = startTestAgent();
  const sizes: [string, number[]][] = [
    ["equal, the last shorter", [500, 500, 500, 500, 20]],
    ["equal", [500, 500, 500]],
    ["growing", [1, 10, 100, 1000]],
    ["shrinking", [1000, 100, 10, 1]],
    ["with empty ones", [0, 500, 0, 500, 0]],
    ["mixed", [500, 500, 700, 500, 3, 500]],
    ["one", [500]],
  ];
  const orders = [
    (a: number, b: number) => a - b,
    (a: number, b: number) => b - a,
    (a: number, b: number) => (a % 3) - (b % 3),
  ];
  for (const [name, partSizes] of sizes) {
    for (const [order, compare] of orders.entries()) {
      const numbered = partSizes.map((sizeBytes, index) => [(index + 1) * 2, bytesOf(index, sizeBytes)] as const);
      for (const isFromOne of [true, false]) {
        const parts = isFromOne ? numbered.map(([number, bytes]) => [number / 2, bytes] as const) : numbered;
        const path = join(agent.folder, `f${order}`);
        const sent = parts.toSorted(([a], [b]) => compare(a, b));
        expect([name, order, (await upload(agent, path, sent)).status]).toEqual([name, order, 200]);
        expect(readFileSync(path)).toEqual(Buffer.concat(parts.map(([, bytes]) => bytes)));
      }
    }
  }
  expect(stagingOf(agent.folder)).toEqual([]);
});

test("a part that is sent again counts with its last content, whatever its size", async () => {
  await using agent = startTestAgent();
  const path = join(agent.folder, "f");
  const { uploadId } = await initiate(agent, path);
  for (const number of [1, 2, 3]) await sendPart(agent, uploadId, [number, bytesOf(number, 500)]);
  const rounds = [500, 20, 900, 500, 500];
  for (const [round, sizeBytes] of rounds.entries()) {
    for (const number of [2, 1, 3]) await sendPart(agent, uploadId, [number, bytesOf(number + round * 10, sizeBytes)]);
  }
  const listed = (await (await agent.request(`/filesystem-multipart/${uploadId}/parts`)).json()) as UploadParts;
  expect(listed.parts.map((part) => part.etag)).toEqual([41, 42, 43].map((seed) => md5(bytesOf(seed, 500))));
  expect((await completeWith(agent, uploadId, listed.parts)).status).toBe(200);
  expect(readFileSync(path)).toEqual(Buffer.concat([41, 42, 43].map((seed) => bytesOf(seed, 500))));
});

test("parts sent in parallel, some of them twice at once, come together right (ENG-2680)", async () => {
  await using agent = startTestAgent();
  const path = join(agent.folder, "f");
  const { uploadId } = await initiate(agent, path);
  const sizeOf = (number: number) => (number === 40 ? 777 : 20_000 + (number % 7 === 0 ? 1 : 0));
  const contents = Array.from({ length: 40 }, (_, index) => bytesOf(index, sizeOf(index + 1)));
  const order = contents
    .flatMap((_, index) => (index % 3 === 0 ? [index, index] : [index]))
    .sort((a, b) => (a % 5) - (b % 5));
  const next = order.values();
  const send = async () => {
    for (const index of next) await sendPart(agent, uploadId, [index + 1, contents[index] ?? ""]);
  };
  await Promise.all(Array.from({ length: 8 }, send));
  const parts = contents.map((bytes, index) => ({ partNumber: index + 1, etag: md5(bytes) }));
  expect((await completeWith(agent, uploadId, parts)).status).toBe(200);
  expect(readFileSync(path)).toEqual(Buffer.concat(contents));
});

test("a large part that is refused is answered all the same", async () => {
  await using agent = startTestAgent();
  for (let times = 0; times < 5; times += 1) {
    expect((await putPart(agent, MISSING_ID, 1, bytesOf(1, 5 * 1024 * 1024))).status).toBe(500);
  }
});

test("a part that breaks off half-way changes nothing, neither a new one nor one sent before (ENG-2680)", async () => {
  await using agent = startTestAgent();
  const path = join(agent.folder, "f");
  const { uploadId } = await initiate(agent, path);
  const parts = [];
  for (const number of [1, 2, 4]) parts.push(await sendPart(agent, uploadId, [number, bytesOf(number, 50_000)]));
  const staging = join(agent.folder, stagingOf(agent.folder)[0] ?? "");
  const before = readdirSync(staging).length;
  const sockets = await Promise.all(
    [2, 3, 5].map((number) => beginPart(agent, uploadId, [number, "x".repeat(30_000)])),
  );
  await until(() => readdirSync(staging).length > before);
  for (const socket of sockets) socket.destroy();
  await until(() => readdirSync(staging).length === before);
  parts.push(await sendPart(agent, uploadId, [3, bytesOf(3, 50_000)]));
  expect((await completeWith(agent, uploadId, parts)).status).toBe(200);
  expect(readFileSync(path)).toEqual(Buffer.concat([1, 2, 3, 4].map((number) => bytesOf(number, 50_000))));
});

test("a part still on its way when the upload is completed cannot reach the finished file", async () => {
  await using agent = startTestAgent();
  const path = join(agent.folder, "f");
  const { uploadId } = await initiate(agent, path);
  const parts = [await sendPart(agent, uploadId, [1, bytesOf(1, 50_000)])];
  const late = await beginPart(agent, uploadId, [2, "x".repeat(10_000)]);
  const staging = join(agent.folder, stagingOf(agent.folder)[0] ?? "");
  await until(() => statSync(join(staging, "whole")).size > 50_000);
  parts.push(await sendPart(agent, uploadId, [2, bytesOf(2, 50_000)]));
  expect((await completeWith(agent, uploadId, parts)).status).toBe(200);
  const { promise: answered, resolve } = Promise.withResolvers<string>();
  late.once("data", (chunk: Buffer) => resolve(chunk.toString()));
  late.write("x".repeat(30_000));
  expect(await answered).toContain("500 Internal Server Error");
  late.destroy();
  expect(readFileSync(path)).toEqual(Buffer.concat([bytesOf(1, 50_000), bytesOf(2, 50_000)]));
});

test("a file that exists is replaced in place, also through a link (D-25)", async () => {
  await using agent = startTestAgent();
  const path = join(agent.folder, "f");
  writeFileSync(path, "x".repeat(100_000));
  chmodSync(path, 0o640);
  symlinkSync("f", join(agent.folder, "link"));
  const before = statSync(path);
  expect((await upload(agent, join(agent.folder, "link"), [[1, bytesOf(1, 1000)]])).status).toBe(200);
  expect(readFileSync(path)).toEqual(bytesOf(1, 1000));
  expect([statSync(path).ino, statSync(path).mode]).toEqual([before.ino, before.mode]);
  expect(readdirSync(agent.folder).sort()).toEqual(["f", "link"]);
});

test("parts lie beside the destination, for the agent's eyes only (D-20, U-2)", async () => {
  await using agent = startTestAgent();
  mkdirSync(join(agent.folder, "volume"));
  const { uploadId } = await initiate(agent, join(agent.folder, "volume/f"));
  await sendPart(agent, uploadId, [1, "part"]);
  const staging = join(agent.folder, "volume", `.dormouse-upload-${uploadId}`);
  expect(statSync(staging).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(staging)) expect(statSync(join(staging, name)).mode & 0o777).toBe(0o600);
});

test("completing costs no second copy: the file is the one the parts went into (U-3)", async () => {
  await using agent = startTestAgent();
  const path = join(agent.folder, "f");
  const { uploadId } = await initiate(agent, path);
  const parts = [];
  for (const number of [1, 3, 2]) parts.push(await sendPart(agent, uploadId, [number, bytesOf(number, 50_000)]));
  const { ino } = statSync(join(agent.folder, `.dormouse-upload-${uploadId}`, "whole"));
  expect(readdirSync(join(agent.folder, `.dormouse-upload-${uploadId}`))).toEqual(["whole"]);
  await completeWith(agent, uploadId, parts);
  expect(statSync(path).ino).toBe(ino);
});

test("an aborted upload leaves nothing and is not known any more", async () => {
  await using agent = startTestAgent();
  const { uploadId } = await initiate(agent, join(agent.folder, "f"));
  await sendPart(agent, uploadId, [1, "part"]);
  const aborted = await abort(agent, uploadId);
  expect(await aborted.json()).toEqual({ path: "", message: "Multipart upload aborted successfully" });
  expect(readdirSync(agent.folder)).toEqual([]);
  expect((await abort(agent, uploadId)).status).toBe(404);
  expect((await putPart(agent, uploadId, 1, "x")).status).toBe(500);
});

test("uploads and their parts are listed until they end", async () => {
  await using agent = startTestAgent();
  const list = async () => {
    const { uploads } = (await (await agent.request("/filesystem-multipart")).json()) as { uploads: UploadSummary[] };
    return uploads;
  };
  expect(await list()).toEqual([]);
  const path = join(agent.folder, "f");
  const { uploadId } = await initiate(agent, path);
  for (const number of [10, 2]) await sendPart(agent, uploadId, [number, "part"]);
  const stored = { etag: md5("part"), size: 4, uploadedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) };
  const parts = { "2": { partNumber: 2, ...stored }, "10": { partNumber: 10, ...stored } };
  const initiatedAt = expect.stringMatching(/^\d{4}-\d\d-\d\dT/);
  expect(await list()).toEqual([{ uploadId, path, permissions: 420, initiatedAt, parts }]);
  const listed = await agent.request(`/filesystem-multipart/${uploadId}/parts`);
  expect(await listed.json()).toEqual({ uploadId, parts: [parts["2"], parts["10"]] });
  await abort(agent, uploadId);
  expect(await list()).toEqual([]);
});

test("part errors: 400 without a number or a file, 500 for an unknown upload or a number out of range", async () => {
  await using agent = startTestAgent();
  const { uploadId } = await initiate(agent, join(agent.folder, "f"));
  const statusOf = async (id: string, number: string) => (await putPart(agent, id, number, "x")).status;
  for (const number of ["", "NaN", "1.5", "one"])
    expect([number, await statusOf(uploadId, number)]).toEqual([number, 400]);
  for (const number of ["0", "-1", "10001"]) expect([number, await statusOf(uploadId, number)]).toEqual([number, 500]);
  expect(await statusOf(uploadId, "10000")).toBe(200);
  expect(await statusOf(MISSING_ID, "1")).toBe(500);
  const part = `/filesystem-multipart/${uploadId}/part`;
  expect((await agent.request(part, { method: "PUT", body: new FormData() })).status).toBe(400);
  const body = new FormData();
  body.append("other", "x");
  const without = await agent.request(`${part}?partNumber=1`, { method: "PUT", body });
  expect([without.status, await errorOf(without)]).toEqual([400, "missing 'file' field in multipart form"]);
  expect((await agent.request(`${part}?partNumber=1`, { method: "PUT", body: "raw" })).status).toBe(400);
});

test("complete errors: 400 for an empty list, 404 unknown, 500 for a missing part or another etag; then it can be tried again", async () => {
  await using agent = startTestAgent();
  const path = join(agent.folder, "f");
  const { uploadId } = await initiate(agent, path);
  const part = await sendPart(agent, uploadId, [1, "part"]);
  const statusOf = async (id: string, parts: readonly unknown[]) => (await completeWith(agent, id, parts)).status;
  expect(await statusOf(uploadId, [])).toBe(400);
  expect(await statusOf(uploadId, [part, part])).toBe(400);
  expect(await statusOf(uploadId, [1])).toBe(400);
  expect(await statusOf(MISSING_ID, [part])).toBe(404);
  expect(await statusOf(uploadId, [part, { partNumber: 2, etag: part.etag }])).toBe(500);
  expect(await statusOf(uploadId, [{ partNumber: 1, etag: md5("other") }])).toBe(500);
  expect(await statusOf(uploadId, [part])).toBe(200);
  for (const gone of ["parts", "abort"]) {
    const method = gone === "parts" ? "GET" : "DELETE";
    expect((await agent.request(`/filesystem-multipart/${MISSING_ID}/${gone}`, { method })).status).toBe(404);
  }
});

test("initiate: bad permissions are 400, a body that is no JSON does not matter, a directory in the way is 422", async () => {
  await using agent = startTestAgent();
  const begin = (path: string, body: string) =>
    agent.request(`/filesystem-multipart/initiate/${path}`, { method: "POST", body });
  const bad = await begin("f", '{"permissions":"rwx"}');
  expect([bad.status, await errorOf(bad)]).toEqual([400, "invalid permissions format 'rwx'"]);
  expect((await begin("f", "no json")).status).toBe(200);
  mkdirSync(join(agent.folder, "d"));
  const directory = await begin("d", "");
  expect([directory.status, await errorOf(directory)]).toEqual([422, expect.stringContaining("is a directory")]);
  writeFileSync(join(agent.folder, "plain"), "");
  const below = await begin("plain/f", "");
  expect([below.status, await errorOf(below)]).toEqual([422, expect.stringContaining("not a directory")]);
});

test("a directory that appears at the destination makes completing fail, not the upload", async () => {
  await using agent = startTestAgent();
  const path = join(agent.folder, "f");
  const { uploadId } = await initiate(agent, path);
  const part = await sendPart(agent, uploadId, [1, "part"]);
  mkdirSync(path);
  const failed = await completeWith(agent, uploadId, [part]);
  expect([failed.status, await errorOf(failed)]).toEqual([
    422,
    expect.stringMatching(/^error completing .* directory/),
  ]);
  await agent.request("/filesystem/f", { method: "DELETE" });
  expect((await completeWith(agent, uploadId, [part])).status).toBe(200);
  expect(readFileSync(path, "utf8")).toBe("part");
});
