import { expect, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestAgent, type TestAgent, until } from "../testing/agent.ts";
import { abort, bytesOf, completeWith, errorOf, initiate, putPart, sendPart } from "./testing/upload-client.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** A place for destinations and logs that outlives the agents of a test. */
function startMachine() {
  const root = mkdtempSync(join(tmpdir(), "uploads-test-"));
  mkdirSync(join(root, "data"));
  const journals = join(root, "logs/uploads");
  return {
    data: join(root, "data"),
    journals,
    start: () => startTestAgent({ SANDBOX_LOG_DIR: join(root, "logs") }),
    editJournal(uploadId: string, edit: (text: string) => string) {
      const path = join(journals, `${uploadId}.jsonl`);
      writeFileSync(path, edit(readFileSync(path, "utf8")));
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

const statusOfParts = async (agent: TestAgent, id: string) =>
  (await agent.request(`/filesystem-multipart/${id}/parts`)).status;

test("an upload goes on where it was when the agent starts again", async () => {
  using machine = startMachine();
  const path = join(machine.data, "f");
  const begun = machine.start();
  const { uploadId } = await initiate(begun, path, { permissions: "0640" });
  const parts = [];
  for (const number of [1, 3, 2]) parts.push(await sendPart(begun, uploadId, [number, bytesOf(number, 500)]));
  await begun[Symbol.asyncDispose]();
  appendFileSync(join(machine.journals, `${uploadId}.jsonl`), '{"partNumber":9,"etag');
  await using agent = machine.start();
  expect(await statusOfParts(agent, uploadId)).toBe(200);
  for (const number of [2, 5, 4]) parts.push(await sendPart(agent, uploadId, [number, bytesOf(number * 10, 500)]));
  const latest = parts.filter((part, index) => index !== 2 && part.partNumber > 0);
  expect((await completeWith(agent, uploadId, latest)).status).toBe(200);
  expect(readFileSync(path)).toEqual(Buffer.concat([1, 20, 3, 40, 50].map((seed) => bytesOf(seed, 500))));
  expect([readdirSync(machine.data), readdirSync(machine.journals)]).toEqual([["f"], []]);
});

test("an upload nobody has gone on with for a day is removed when the agent starts, or another one begins (D-20)", async () => {
  using machine = startMachine();
  await using first = machine.start();
  const left = await Promise.all(["a", "b", "c"].map((name) => initiate(first, join(machine.data, name))));
  for (const { uploadId } of left) await sendPart(first, uploadId, [1, "part"]);
  const [old, alsoOld, fresh] = left.map(({ uploadId }) => uploadId) as [string, string, string];
  const age = (text: string) => text.replace(/"(initiatedAtMs|uploadedAtMs)":\d+/g, `"$1":${Date.now() - DAY_MS - 1}`);
  machine.editJournal(old, age);
  {
    await using second = machine.start();
    await initiate(second, join(machine.data, "new"));
    expect([await statusOfParts(second, old), await statusOfParts(second, alsoOld)]).toEqual([404, 200]);
  }
  expect(existsSync(join(machine.data, `.dormouse-upload-${old}`))).toBe(false);
  machine.editJournal(alsoOld, age);
  await using third = machine.start();
  await until(() => !existsSync(join(machine.data, `.dormouse-upload-${alsoOld}`)));
  expect([await statusOfParts(third, alsoOld), await statusOfParts(third, fresh)]).toEqual([404, 200]);
  expect(readdirSync(machine.journals)).toHaveLength(2);
});

test("what was put in the place of the parts is neither used nor removed (U-5)", async () => {
  using machine = startMachine();
  await using agent = machine.start();
  const { uploadId } = await initiate(agent, join(machine.data, "f"));
  const part = await sendPart(agent, uploadId, [1, "part"]);
  const staging = join(machine.data, `.dormouse-upload-${uploadId}`);
  renameSync(staging, join(machine.data, "moved"));
  mkdirSync(staging);
  writeFileSync(join(staging, "whole"), "precious");
  const refused = [await completeWith(agent, uploadId, [part]), await putPart(agent, uploadId, 2, "x")];
  expect(refused.map((response) => response.status)).toEqual([500, 500]);
  expect(await errorOf(refused[0] ?? Response.error())).toContain("it is not the upload's directory");
  expect((await abort(agent, uploadId)).status).toBe(200);
  expect(readFileSync(join(staging, "whole"), "utf8")).toBe("precious");
  expect(existsSync(join(machine.data, "f"))).toBe(false);
});

test("a journal that names another directory counts for nothing (U-5)", async () => {
  using machine = startMachine();
  const victim = join(machine.data, "victim");
  mkdirSync(victim);
  const first = machine.start();
  const ids = await Promise.all(
    ["a", "b", "c"].map(async (name) => (await initiate(first, join(machine.data, name))).uploadId),
  );
  const [elsewhere, renamed, odd] = ids as [string, string, string];
  await first[Symbol.asyncDispose]();
  machine.editJournal(elsewhere, (text) => text.replace(/"path":"[^"]*.dormouse-upload-[^"]*"/, `"path":"${victim}"`));
  machine.editJournal(renamed, (text) => text.replaceAll(renamed, elsewhere));
  machine.editJournal(odd, () => "[]\n");
  await using agent = machine.start();
  for (const id of ids) expect((await abort(agent, id)).status).toBe(404);
  expect(existsSync(victim)).toBe(true);
});
