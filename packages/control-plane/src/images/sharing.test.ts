import { expect, test } from "bun:test";
import type { ImageShareAnswer, PendingImageShareAnswer } from "@dormouse/schema";
import { as, makeKey } from "../../testkit/accounts.ts";
import {
  pushVersion,
  type ShareBench,
  startShareBench,
  STRANGER,
  STRANGER_ACCOUNT,
  TEAM,
} from "../../testkit/images.ts";
import type { Answer } from "../../testkit/server.ts";
import { recover } from "../sandboxes/recover.ts";
import { keepUp } from "../upkeep.ts";

type Headers = Record<string, string>;

const DAY_MS = 86_400_000;
const IMAGE = "/images/sandbox/tools";
const SHARE = `${IMAGE}/share`;
const OFFER = { targetWorkspace: STRANGER, targetAccountId: STRANGER_ACCOUNT };

const share = ({ server }: ShareBench, body: object = { targetWorkspace: TEAM }, headers: Headers = {}) =>
  server.call("POST", SHARE, body, headers);

const unshare = ({ server }: ShareBench, target: string, headers: Headers = {}) =>
  server.call("DELETE", `${SHARE}/${target}`, undefined, headers);

const create = ({ server }: ShareBench, name: string, headers: Headers, image = "sandbox/tools"): Promise<Answer> =>
  server.call("POST", "/sandboxes", { metadata: { name }, spec: { runtime: { image } } }, headers);

const list = async ({ server }: ShareBench, headers: Headers): Promise<unknown> =>
  (await server.call("GET", "/images", undefined, headers)).body;

async function offer(bench: ShareBench): Promise<string> {
  const { status, body } = await share(bench, OFFER);
  expect(status).toBe(202);
  return (body as PendingImageShareAnswer).id;
}

const answer = ({ server }: ShareBench, id: string, how: string, headers: Headers): Promise<Answer> =>
  server.call("POST", `/pending-image-shares/${id}/${how}`, undefined, headers);

async function startWithImage(clock?: () => number): Promise<ShareBench> {
  const bench = await startShareBench(clock === undefined ? {} : { clock });
  await pushVersion(bench.server, "tools");
  return bench;
}

test("F095 F096 F097 F098 a workspace of the account has the image at once, without a copy, and its new versions", async () => {
  await using bench = await startWithImage();
  const { server, team } = bench;
  expect(await create(bench, "early", team)).toMatchObject({ status: 400, body: { code: "INVALID_IMAGE" } });
  const shared = await share(bench);
  expect(shared).toMatchObject({ status: 200, body: { metadata: { name: "tools", workspace: "default" } } });
  expect(shared.body).not.toHaveProperty("metadata.sourceWorkspace");
  expect(await share(bench)).toMatchObject({ status: 200 });
  const second = await pushVersion(server, "tools");
  const seen = {
    metadata: { name: "tools", workspace: TEAM, sourceWorkspace: "default", status: "BUILT", events: [] },
  };
  expect(await list(bench, team)).toMatchObject([{ ...seen, spec: { tags: [{}, { name: second.tag }] } }]);
  expect((await server.call("GET", IMAGE, undefined, team)).body).toMatchObject(seen);
  for (const [name, image] of Object.entries({ one: "tools", two: "sandbox/tools:latest", three: second.reference })) {
    expect(await create(bench, name, team, image)).toMatchObject({
      status: 200,
      body: { spec: { runtime: { image } } },
    });
    expect(server.engine.specs.at(-1)?.image).toBe(`@${second.id}`);
  }
  expect(server.engine.builds.ids()).toHaveLength(2);
  // When the one uses it is not told to the other.
  expect((await list(bench, team)) as object[]).toEqual([
    expect.objectContaining({ metadata: expect.objectContaining({ lastDeployedAt: expect.any(String) }) }),
  ]);
  expect((await server.call("GET", IMAGE)).body).not.toHaveProperty("metadata.lastDeployedAt");
  expect((await server.call("GET", SHARE)).body).toMatchObject([{ status: "active", workspace: TEAM }]);
});

test("F099 F262 only administrators share, unshare and answer offers", async () => {
  await using bench = await startWithImage();
  const { server, stranger } = bench;
  const member = as(await makeKey(server, "member"));
  const strangersMember = as(await makeKey(server, "member", stranger), STRANGER);
  expect(await share(bench, undefined, member)).toMatchObject({ status: 403 });
  await share(bench);
  expect(await unshare(bench, TEAM, member)).toMatchObject({ status: 403 });
  expect(await server.call("GET", SHARE, undefined, member)).toMatchObject({ status: 200 });
  const id = await offer(bench);
  for (const how of ["accept", "decline"]) {
    expect(await answer(bench, id, how, strangersMember)).toMatchObject({ status: 403 });
  }
});

test("F100 F262 another account has the image once an administrator of it accepts", async () => {
  await using bench = await startWithImage();
  const { server, stranger } = bench;
  const id = await offer(bench);
  expect(await server.call("DELETE", "/images")).toMatchObject({ body: { deleted: 0 } });
  expect(await list(bench, stranger)).toEqual([]);
  expect(await create(bench, "early", stranger)).toMatchObject({ status: 400 });
  const pending = async (direction: string, headers: Headers = {}) =>
    (await server.call("GET", `/pending-image-shares${direction}`, undefined, headers)).body;
  const both = {
    id,
    imageName: "tools",
    resourceType: "sandbox",
    sourceWorkspace: "default",
    targetWorkspace: STRANGER,
    targetAccountId: STRANGER_ACCOUNT,
    sharedByEmail: "admin@localhost",
  };
  const incoming = { ...both, sourceWorkspaceDisplayName: expect.any(String), hasConflict: false };
  expect(await pending("", stranger)).toMatchObject([incoming]);
  expect(await pending("?direction=outgoing")).toMatchObject([both]);
  expect(await pending("?direction=incoming")).toEqual([]);
  expect(await pending("", bench.team)).toEqual([]);
  expect(await pending("?direction=sideways")).toMatchObject({ code: 400 });
  expect((await server.call("GET", SHARE)).body).toEqual([
    { status: "pending", workspace: STRANGER, accountId: STRANGER_ACCOUNT, pendingShareId: id },
  ]);
  // Whoever offers it does not accept it, and nobody else knows of it.
  expect(await answer(bench, id, "accept", {})).toMatchObject({ status: 403 });
  expect(await answer(bench, id, "accept", bench.team)).toMatchObject({ status: 404 });
  expect(await answer(bench, id, "accept", stranger)).toMatchObject({
    status: 200,
    body: { metadata: { name: "tools", workspace: STRANGER, sourceWorkspace: "default" } },
  });
  expect(await create(bench, "box", stranger)).toMatchObject({ status: 200 });
  expect(await answer(bench, id, "accept", stranger)).toMatchObject({ status: 404 });
  expect(await answer(bench, id, "decline", stranger)).toMatchObject({ status: 404 });
  expect(await pending("", stranger)).toEqual([]);
  expect((await server.call("GET", SHARE)).body).toMatchObject([{ status: "active", workspace: STRANGER }]);
});

test("F100 an offer is declined, taken back, or expires; then it can be made again", async () => {
  let nowMs = Date.parse("2030-01-01T00:00:00Z");
  await using bench = await startWithImage(() => nowMs);
  const { server, stranger } = bench;
  const declined = await offer(bench);
  expect(await answer(bench, declined, "decline", {})).toMatchObject({ status: 403 });
  expect(await answer(bench, declined, "decline", stranger)).toMatchObject({ status: 204, body: undefined });
  const takenBack = await offer(bench);
  expect(await unshare(bench, STRANGER)).toMatchObject({ status: 200 });
  expect(await answer(bench, takenBack, "accept", stranger)).toMatchObject({ status: 404 });
  const expired = await offer(bench);
  nowMs += 7 * DAY_MS;
  expect(await answer(bench, expired, "accept", stranger)).toMatchObject({
    status: 410,
    body: { error: "IMAGE_SHARE_EXPIRED" },
  });
  expect((await server.call("GET", "/pending-image-shares", undefined, stranger)).body).toEqual([]);
  const last = await offer(bench);
  expect(await offer(bench)).toBe(last);
  nowMs += 38 * DAY_MS;
  await keepUp(server.deps);
  expect(await answer(bench, last, "accept", stranger)).toMatchObject({ status: 404 });
});

test("F100 nobody finds out by offering which workspaces other accounts have", async () => {
  await using bench = await startWithImage();
  const refused = async (body: object) => {
    const { status, body: failure } = await share(bench, body);
    return { status, message: (failure as { message: string }).message.replaceAll(/"[a-z]+"/g, '"…"') };
  };
  const unknown = await refused({ targetWorkspace: "nowhere" });
  expect(unknown.status).toBe(404);
  expect(await refused({ targetWorkspace: STRANGER })).toEqual(unknown);
  const wrong = await refused({ targetWorkspace: STRANGER, targetAccountId: "wrong" });
  expect(wrong.status).toBe(404);
  expect(await refused({ targetWorkspace: "nowhere", targetAccountId: STRANGER_ACCOUNT })).toEqual(wrong);
  expect(await refused({ targetWorkspace: TEAM, targetAccountId: STRANGER_ACCOUNT })).toEqual(wrong);
  expect(await refused({ targetWorkspace: "default" })).toMatchObject({ status: 400 });
});

test("F101 F102 what is shared is not shared on, pushed, or shared in part; it is its owner's alone to change", async () => {
  await using bench = await startWithImage();
  const { server, team } = bench;
  await share(bench);
  for (const [method, path] of [
    ["POST", SHARE],
    ["GET", SHARE],
    ["DELETE", `${SHARE}/${STRANGER}`],
    ["DELETE", IMAGE],
    ["DELETE", `${IMAGE}/tags/latest`],
    ["POST", `${IMAGE}/push`],
  ] as const) {
    const refused = await server.call(method, path, method === "POST" ? OFFER : undefined, team);
    expect({ path, refused }).toMatchObject({ path, refused: { status: 403, body: { error: "FORBIDDEN" } } });
  }
  expect(await server.call("POST", `${IMAGE}:latest/share`, { targetWorkspace: TEAM })).toMatchObject({ status: 400 });
});

test("F103 what is shared is not deleted, not even in part or by a clean-up", async () => {
  await using bench = await startWithImage();
  const { server, team } = bench;
  await pushVersion(server, "tools");
  await share(bench);
  for (const path of [IMAGE, `${IMAGE}/tags/latest`, `${IMAGE}:latest`]) {
    expect(await server.call("DELETE", path)).toMatchObject({
      status: 400,
      body: { error: "IMAGE_IN_USE", message: expect.stringContaining(`shared with "${TEAM}"`) },
    });
  }
  for (const headers of [{}, team]) {
    expect(await server.call("DELETE", "/images", undefined, headers)).toMatchObject({ body: { deleted: 0 } });
  }
  expect(await unshare(bench, TEAM)).toMatchObject({ status: 200 });
  expect(await unshare(bench, TEAM)).toMatchObject({ status: 404, body: { error: "IMAGE_SHARE_NOT_FOUND" } });
  expect(await server.call("DELETE", IMAGE)).toMatchObject({ status: 200 });
});

test("F104 what is unshared is used no more: creates fail at once, and what runs goes on until its next start", async () => {
  await using bench = await startWithImage();
  const { server, team } = bench;
  await share(bench);
  const { id } = (await create(bench, "box", team)) && server.engine.specs.at(-1)!;
  await create(bench, "other", team, "blaxel/nextjs");
  await create(bench, "mine", {});
  expect(await unshare(bench, TEAM)).toMatchObject({ status: 200 });
  expect(await list(bench, team)).toEqual([]);
  expect(await create(bench, "later", team)).toMatchObject({ status: 400, body: { code: "INVALID_IMAGE" } });
  expect(await server.call("GET", "/sandboxes/box", undefined, team)).toMatchObject({ body: { status: "DEPLOYED" } });
  expect([...server.engine.restartBans]).toEqual([
    [id, "Cannot start the sandbox again: its image is not shared with its workspace any more"],
  ]);
  // More memory is a new start as well; nothing is given up for it.
  const more = { spec: { runtime: { memory: 8192 } } };
  expect(await server.call("PUT", "/sandboxes/box", more, team)).toMatchObject({ status: 403 });
  expect(await server.engine.get(id)).toMatchObject({ state: "running" });
  expect(await create(bench, "mine-too", {})).toMatchObject({ status: 200 });
  await share(bench);
  expect([...server.engine.restartBans]).toEqual([]);
  expect(await server.call("PUT", "/sandboxes/box", more, team)).toMatchObject({ status: 200 });
});

test("F104 an image that was unshared while a sandbox of it was created leaves none", async () => {
  await using bench = await startWithImage();
  const { server, team } = bench;
  await share(bench);
  server.engine.beforeCreate = async () => {
    await unshare(bench, TEAM);
  };
  expect(await create(bench, "box", team)).toMatchObject({ status: 403, body: { code: "FORBIDDEN" } });
  expect(await server.engine.list()).toEqual([]);
  expect(await server.call("GET", "/sandboxes/box", undefined, team)).toMatchObject({ status: 404 });
});

test("F104 what a server had not told the engine of shares, the next one does", async () => {
  await using bench = await startWithImage();
  const { server, team } = bench;
  const { store, engine } = server.deps;
  await share(bench);
  await create(bench, "box", team);
  await create(bench, "mine", {});
  const [box, mine] = await server.engine.list();
  const image = await store.images.find(TEAM, "tools");
  await store.imageShares.remove(image?.id ?? "", TEAM);
  await recover(server.deps);
  expect([...server.engine.restartBans.keys()]).toEqual([box!.id]);
  await share(bench);
  await engine.forbidRestart(box!.id, "an old reason");
  await recover(server.deps);
  expect(server.engine.restartBans.size).toBe(0);
  expect(await server.engine.get(mine!.id)).toMatchObject({ state: "running" });
});

test("two images of one name are never seen: a share is refused, or the target's own makes way when it insists", async () => {
  await using bench = await startWithImage();
  const { server, team, stranger } = bench;
  await pushVersion(server, "tools", TEAM);
  expect(await share(bench)).toMatchObject({ status: 409, body: { error: "IMAGE_ALREADY_EXISTS" } });
  expect(await list(bench, team)).toHaveLength(1);
  const id = await offer(bench);
  const own = await pushVersion(server, "tools", STRANGER);
  const { body } = await server.call("GET", "/pending-image-shares", undefined, stranger);
  expect(body).toMatchObject([{ id, hasConflict: true }]);
  expect(await answer(bench, id, "accept", stranger)).toMatchObject({ status: 409 });
  await create(bench, "box", stranger, own.reference);
  expect(await answer(bench, id, "accept?force=true", stranger)).toMatchObject({
    status: 409,
    body: { message: expect.stringContaining('sandbox "box" uses it') },
  });
  await server.call("DELETE", "/sandboxes/box", undefined, stranger);
  expect(await answer(bench, id, "accept?force=true", stranger)).toMatchObject({
    status: 200,
    body: { metadata: { sourceWorkspace: "default" } },
  });
  expect(server.engine.builds.ids()).not.toContain(own.id);
  const clash = await pushVersion(server, "tools", STRANGER).catch((error: unknown) => error);
  expect(clash).toMatchObject({ code: "IMAGE_ALREADY_EXISTS" });
});

test("a workspace that goes takes the shares with it, and one that has images stays", async () => {
  await using bench = await startWithImage();
  const { server } = bench;
  await share(bench);
  expect(await server.call("DELETE", `/workspaces/${TEAM}`)).toMatchObject({ status: 200 });
  expect((await server.call("GET", SHARE)).body as ImageShareAnswer[]).toEqual([]);
  expect(await server.call("DELETE", IMAGE)).toMatchObject({ status: 200 });
});

test("who shared what with whom, and who accepted it, is in the audit log", async () => {
  await using bench = await startWithImage();
  const { server, stranger } = bench;
  await share(bench);
  await unshare(bench, TEAM);
  const id = await offer(bench);
  await answer(bench, id, "accept", stranger);
  const actions = async (headers: Headers = {}): Promise<string[]> => {
    const { body } = await server.call("GET", "/audit?limit=3", undefined, headers);
    return (body as { data: { action: string; resource: string }[] }).data.map(
      ({ action, resource }) => `${action} ${resource}`,
    );
  };
  expect(await actions()).toEqual([
    `images.share.create images/sandbox/tools/share/${STRANGER}`,
    `images.share.delete images/sandbox/tools/share/${TEAM}`,
    `images.share.create images/sandbox/tools/share/${TEAM}`,
  ]);
  expect(await actions(stranger)).toEqual([
    `pending-image-shares.accept.create pending-image-shares/${id}/accept/tools`,
  ]);
});
