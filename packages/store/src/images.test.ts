import { expect, test } from "bun:test";
import { type AppError, randomId } from "@dormouse/kernel";
import { EngineImageId, ImageTagName, WorkspaceName } from "@dormouse/schema";
import { describeEachDatabase, newImage, newSandbox, openInstalledStore, WORKSPACE } from "../testkit/index.ts";
import type { ImageChange, ImageRecord, ImageShareRecord, Store, StoreOptions } from "./index.ts";

const OTHER = WorkspaceName.parse("other");

const codeOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: AppError) => error.code,
  );

const at = (updatedAtMs: number, status: ImageChange["status"] = "UPLOADING"): ImageChange => ({
  status,
  event: { type: "status", status, message: "", time: new Date(updatedAtMs).toISOString() },
  updatedAtMs,
});

/** A store with two workspaces. */
async function openShared(options: StoreOptions): Promise<Store> {
  const store = await openInstalledStore(options);
  await addOther(store);
  return store;
}

async function addOther(store: Store): Promise<void> {
  const [first] = await store.accounts.workspaces();
  if (first === undefined) throw new Error("the installation is not set up");
  await store.accounts.insertWorkspace({ ...first, id: "w2", name: OTHER });
}

async function addTag(store: Store, image: ImageRecord, name: string, atMs: number): Promise<EngineImageId> {
  const id = EngineImageId.parse(randomId());
  const tag = { id, name: ImageTagName.parse(name), sizeBytes: 5e10, createdAtMs: atMs, updatedAtMs: atMs };
  await store.images.addTag(image.workspace, image.name, { tag, change: at(atMs, "BUILT") });
  return id;
}

const newShare = (image: ImageRecord, change: Partial<ImageShareRecord> = {}): ImageShareRecord => ({
  id: randomId(),
  imageId: image.id,
  targetWorkspace: OTHER,
  status: "active",
  sharedBy: "u1",
  expiresAtMs: undefined,
  createdAtMs: 1,
  updatedAtMs: 1,
  ...change,
});

const namesOf = (images: readonly ImageRecord[]): string[] => images.map(({ name }) => name);

describeEachDatabase((database) => {
  test("F089 an image keeps its earlier versions, and what happened to it", async () => {
    await using store = await openShared(await database.create());
    const begun = await store.images.begin(newImage("tools"), at(1));
    expect(begun).toMatchObject({ status: "UPLOADING", events: [{ status: "UPLOADING" }], tags: [] });
    const [v1, v2] = [await addTag(store, begun, "v1", 2), await addTag(store, begun, "v2", 3)];
    expect(await store.images.begin(newImage("tools"), at(4))).toMatchObject({ id: begun.id, status: "UPLOADING" });
    expect(await store.images.change(WORKSPACE, begun.name, at(5, "FAILED"))).toMatchObject({ status: "FAILED" });
    const image = await store.images.find(WORKSPACE, "tools");
    expect(image).toMatchObject({
      id: begun.id,
      createdAtMs: 1,
      updatedAtMs: 5,
      tags: [
        { id: v1, name: "v1", sizeBytes: 5e10 },
        { id: v2, name: "v2" },
      ],
    });
    expect(image?.events.map(({ status }) => status)).toEqual(["UPLOADING", "BUILT", "BUILT", "UPLOADING", "FAILED"]);
    expect(await store.images.find(OTHER, "tools")).toBeUndefined();
    expect(await store.images.change(OTHER, begun.name, at(6))).toBeUndefined();
    expect(await store.images.addTag(OTHER, begun.name, { tag: image!.tags[0]!, change: at(6) })).toBeUndefined();
  });

  test("F096 F098 what is shared is seen through its source, new versions too, until it is unshared", async () => {
    await using store = await openShared(await database.create());
    const image = await store.images.begin(newImage("tools"), at(1));
    const v1 = await addTag(store, image, "v1", 2);
    expect(await store.images.isUsable(OTHER, v1)).toBe(false);
    const share = newShare(image);
    expect(await store.imageShares.insert(share, 3)).toEqual(share);
    expect(await store.imageShares.insert(newShare(image), 3)).toEqual(share);
    await addTag(store, image, "v2", 4);
    const seen = await store.images.find(OTHER, "tools");
    expect(seen).toMatchObject({ id: image.id, workspace: WORKSPACE, tags: [{ name: "v1" }, { name: "v2" }] });
    expect(namesOf(await store.images.list(OTHER))).toEqual(["tools"]);
    expect(await store.images.isUsable(OTHER, v1)).toBe(true);
    await store.images.noteDeployed(OTHER, v1, 7);
    expect(await store.images.find(OTHER, "tools")).toMatchObject({ lastDeployedAtMs: 7 });
    expect(await store.images.find(WORKSPACE, "tools")).toMatchObject({ lastDeployedAtMs: undefined });
    await store.images.noteDeployed(WORKSPACE, v1, 8);
    expect(await store.images.find(WORKSPACE, "tools")).toMatchObject({ lastDeployedAtMs: 8 });
    expect(await store.imageShares.remove(image.id, OTHER)).toMatchObject({ id: share.id });
    expect(await store.imageShares.remove(image.id, OTHER)).toBeUndefined();
    expect(await store.images.list(OTHER)).toEqual([]);
    expect(await store.images.isUsable(WORKSPACE, v1)).toBe(true);
  });

  test("no workspace sees two images of one name, whichever comes first", async () => {
    await using store = await openShared(await database.create());
    const mine = await store.images.begin(newImage("tools"), at(1));
    const theirs = await store.images.begin(newImage("tools", { workspace: OTHER }), at(1));
    expect(await codeOf(store.imageShares.insert(newShare(mine), 1))).toBe("IMAGE_ALREADY_EXISTS");
    await store.images.remove(theirs);
    const pending = newShare(mine, { status: "pending", expiresAtMs: 9 });
    await store.imageShares.insert(pending, 1);
    const again = await store.images.begin(newImage("tools", { workspace: OTHER }), at(1));
    expect(await codeOf(store.imageShares.accept(pending.id, 2))).toBe("IMAGE_ALREADY_EXISTS");
    await store.images.remove(again);
    expect(await store.imageShares.accept(pending.id, 2)).toMatchObject({ status: "active", expiresAtMs: undefined });
    expect(await store.imageShares.accept(pending.id, 2)).toBeUndefined();
    expect(await codeOf(store.images.begin(newImage("tools", { workspace: OTHER }), at(3)))).toBe(
      "IMAGE_ALREADY_EXISTS",
    );
  });

  test("of a share and an image that come at once, the target gets one", async () => {
    await using store = await openShared(await database.create());
    const image = await store.images.begin(newImage("tools"), at(1));
    const codes = await Promise.all([
      codeOf(store.imageShares.insert(newShare(image), 1)),
      codeOf(store.images.begin(newImage("tools", { workspace: OTHER }), at(1))),
    ]);
    expect(codes.filter((code) => code === "IMAGE_ALREADY_EXISTS")).toHaveLength(1);
    expect(await store.images.list(OTHER)).toHaveLength(1);
  });

  test("F103 what is shared or used by a sandbox stays; what goes is left to be removed from the engine", async () => {
    await using store = await openShared(await database.create());
    const image = await store.images.begin(newImage("tools"), at(1));
    const [v1, v2] = [await addTag(store, image, "v1", 2), await addTag(store, image, "v2", 3)];
    const [one, two] = [ImageTagName.parse("v1"), ImageTagName.parse("v2")];
    await store.imageShares.insert(newShare(image), 1);
    expect(await codeOf(store.images.remove(image))).toBe("IMAGE_IN_USE");
    expect(await codeOf(store.images.removeTag(image, one))).toBe("IMAGE_IN_USE");
    await store.imageShares.remove(image.id, OTHER);
    const sandbox = newSandbox("user", { engineImageId: v1, status: "DEPLOYED" });
    await store.sandboxes.insert(sandbox);
    expect(await store.sandboxes.findById(sandbox.id)).toMatchObject({ engineImageId: v1 });
    expect(await codeOf(store.images.remove(image))).toBe("IMAGE_IN_USE");
    expect(await codeOf(store.images.removeTag(image, one))).toBe("IMAGE_IN_USE");
    await store.images.removeTag(image, two);
    expect(await store.images.removals()).toEqual([v2]);
    await store.images.forgetRemoval(v2);
    // One of another workspace, as after an unshare, is in nobody's way.
    await store.sandboxes.insert(newSandbox("user", { workspace: OTHER, engineImageId: v1, status: "DEPLOYED" }));
    await store.sandboxes.mark(sandbox.id, "FAILED", 2);
    await store.images.removeTag(image, one);
    expect(await store.images.find(WORKSPACE, "tools")).toBeUndefined();
    await store.images.remove(image);
    expect(await store.images.removals()).toEqual([v1]);
  });

  test("an image that is being built stays without a version", async () => {
    await using store = await openShared(await database.create());
    const image = await store.images.begin(newImage("tools"), at(1));
    await addTag(store, image, "v1", 2);
    await store.images.begin(image, at(3));
    await store.images.removeTag(image, ImageTagName.parse("v1"));
    expect(await store.images.find(WORKSPACE, "tools")).toMatchObject({ tags: [], status: "UPLOADING" });
  });

  test("F100 an offer is listed on both sides, and over once it is answered or its time has come", async () => {
    await using store = await openShared(await database.create());
    const image = await store.images.begin(newImage("tools"), at(1));
    const offer = newShare(image, { status: "pending", expiresAtMs: 10 });
    await store.imageShares.insert(offer, 1);
    expect(await store.images.find(OTHER, "tools")).toBeUndefined();
    const shown = { ...offer, imageName: image.name, resourceType: image.resourceType, sourceWorkspace: WORKSPACE };
    expect(await store.imageShares.listPending(OTHER, "incoming", 9)).toEqual([{ ...shown, expiresAtMs: 10 }]);
    expect(await store.imageShares.listPending(WORKSPACE, "outgoing", 9)).toEqual([{ ...shown, expiresAtMs: 10 }]);
    expect(await store.imageShares.listPending(WORKSPACE, "incoming", 9)).toEqual([]);
    expect(await store.imageShares.listPending(OTHER, "incoming", 10)).toEqual([]);
    expect(await store.imageShares.list(image.id, 10)).toEqual([]);
    expect(await store.imageShares.findPending(offer.id)).toMatchObject({ id: offer.id });
    const later = newShare(image, { status: "pending", expiresAtMs: 20 });
    expect(await store.imageShares.insert(newShare(image, { status: "pending" }), 9)).toMatchObject({ id: offer.id });
    expect(await store.imageShares.insert(later, 10)).toMatchObject({ id: later.id });
    await store.imageShares.removeExpiredBefore(20);
    expect(await store.imageShares.decline(later.id)).toBe(true);
    expect(await store.imageShares.decline(later.id)).toBe(false);
    await store.imageShares.insert(offer, 1);
    await store.imageShares.removeExpiredBefore(11);
    expect(await store.imageShares.findPending(offer.id)).toBeUndefined();
  });

  test("a workspace with images stays; shares go with the one they are with, and sandboxes on loan are known", async () => {
    await using store = await openShared(await database.create());
    const image = await store.images.begin(newImage("tools"), at(1));
    const v1 = await addTag(store, image, "v1", 2);
    await store.imageShares.insert(newShare(image), 1);
    const own = newSandbox("own", { engineImageId: v1, status: "DEPLOYED" });
    const loan = newSandbox("loan", { workspace: OTHER, engineImageId: v1, status: "DEPLOYED" });
    for (const sandbox of [own, loan, newSandbox("public")]) await store.sandboxes.insert(sandbox);
    expect(await store.imageShares.borrowers()).toEqual([{ sandboxId: loan.id, mayStart: true }]);
    expect(await store.imageShares.usersOf(image.id, OTHER)).toEqual([loan.id]);
    await store.imageShares.remove(image.id, OTHER);
    expect(await store.imageShares.borrowers()).toEqual([{ sandboxId: loan.id, mayStart: false }]);
    for (const { id } of await store.sandboxes.all()) await store.sandboxes.remove(id);
    await store.imageShares.insert(newShare(image), 1);
    expect(await store.accounts.removeWorkspace(WORKSPACE)).toBe(false);
    expect(await store.accounts.removeWorkspace(OTHER)).toBe(true);
    expect(await store.imageShares.list(image.id, 1)).toEqual([]);
    await store.images.remove(image);
    await addOther(store);
    expect(await store.accounts.removeWorkspace(WORKSPACE)).toBe(true);
  });
});
