import { expect, test } from "bun:test";
import type { Directory } from "@dormouse/schema";
import { type ConfinedAgent, startConfinedAgent } from "../testing/confined-agent.ts";
import { abort, bytesOf, completeWith, errorOf, initiate, putPart, sendPart } from "./testing/upload-client.ts";

const MIB = 1024 * 1024;

const namesIn = async (agent: ConfinedAgent) => {
  const { files, subdirectories } = (await (await agent.request("/filesystem/")).json()) as Directory;
  return [...files, ...subdirectories].map(({ name }) => name);
};

test("a part that does not fit is a 422 that says so; after aborting the space is free again (U-2)", async () => {
  await using agent = await startConfinedAgent(4 * MIB);
  const { uploadId } = await initiate(agent, `${agent.folder}/f`);
  await sendPart(agent, uploadId, [1, bytesOf(1, 2 * MIB)]);
  for (const number of [2, 1]) {
    const refused = await putPart(agent, uploadId, number, bytesOf(2, 3 * MIB));
    expect([refused.status, await errorOf(refused)]).toEqual([
      422,
      expect.stringMatching(/^error storing part: .*no space/),
    ]);
  }
  await sendPart(agent, uploadId, [2, bytesOf(2, MIB)]);
  expect((await abort(agent, uploadId)).status).toBe(200);
  expect(await namesIn(agent)).toEqual([]);
  const again = await initiate(agent, `${agent.folder}/f`);
  const part = await sendPart(agent, again.uploadId, [1, bytesOf(1, 3 * MIB)]);
  expect((await completeWith(agent, again.uploadId, [part])).status).toBe(200);
  expect(await namesIn(agent)).toEqual(["f"]);
});

test("completing that runs out of space leaves the parts, so it can be tried again", async () => {
  await using agent = await startConfinedAgent(7 * MIB);
  const { uploadId } = await initiate(agent, `${agent.folder}/f`);
  const parts = [];
  for (const number of [3, 5]) parts.push(await sendPart(agent, uploadId, [number, bytesOf(number, 2 * MIB)]));
  const failed = await completeWith(agent, uploadId, parts);
  expect([failed.status, await errorOf(failed)]).toEqual([422, expect.stringMatching(/^error completing .*no space/)]);
  expect(await namesIn(agent)).toEqual([`.dormouse-upload-${uploadId}`]);
  expect((await completeWith(agent, uploadId, parts.slice(1))).status).toBe(200);
  expect(await namesIn(agent)).toEqual(["f"]);
});

test("on a disk that cannot be written an upload does not begin", async () => {
  await using agent = await startConfinedAgent(MIB, 'mount -o remount,ro "$1"');
  const refused = await agent.request("/filesystem-multipart/initiate/f", { method: "POST" });
  expect([refused.status, await errorOf(refused)]).toEqual([422, expect.stringContaining("read-only file system")]);
});
