import { expect, test } from "bun:test";
import { randomId } from "@dormouse/kernel";
import { EngineImageId, ImageName, ImageTagName } from "@dormouse/schema";
import { describeEachDatabase, openInstalledStore, WORKSPACE } from "../testkit/index.ts";
import type { BuildRecord, Store } from "./index.ts";

const newBuild = (name: string, change: Partial<BuildRecord> = {}): BuildRecord => ({
  id: EngineImageId.parse(randomId()),
  workspace: WORKSPACE,
  kind: "sandbox",
  name,
  sandboxId: undefined,
  status: "WAITING",
  runtime: { memory: 512, envs: [{ name: "A", value: "1" }] },
  uploadHash: `hash of ${name}`,
  uploadExpiresAtMs: 1000,
  image: undefined,
  failure: undefined,
  createdBy: "someone",
  createdAtMs: 1,
  receivedAtMs: undefined,
  endedAtMs: undefined,
  ...change,
});

async function publish({ images }: Store, id: EngineImageId): Promise<void> {
  const name = ImageName.parse("box");
  const change = { status: "BUILT", updatedAtMs: 1 } as const;
  const image = { id: "image", workspace: WORKSPACE, resourceType: "sandbox", name, status: "BUILT" } as const;
  const times = { createdAtMs: 1, updatedAtMs: 1 };
  await images.begin(
    { ...image, ...times, events: [], lastDeployedAtMs: undefined, createdBy: undefined, tags: [] },
    change,
  );
  const tag = { id, name: ImageTagName.parse("v1"), sizeBytes: 1, ...times };
  await images.addTag(WORKSPACE, name, { tag, change });
}

describeEachDatabase((database) => {
  test("F083 a build is stored, found and changed; of a name there is one of each kind", async () => {
    await using store = await openInstalledStore(await database.create());
    const { builds } = store;
    const build = newBuild("box");
    await builds.insert(build);
    await builds.insert(newBuild("box", { kind: "image", uploadHash: undefined }));
    expect(builds.insert(newBuild("box", { uploadHash: undefined }))).rejects.toThrow();
    expect(await builds.find(build.id)).toEqual(build);
    expect(await builds.all()).toHaveLength(2);
    const change = { status: "FAILED", failure: { code: "BUILD_FAILED", message: "No" }, endedAtMs: 7 } as const;
    expect(await builds.change(build.id, ["BUILDING"], change)).toBeUndefined();
    expect(await builds.change(build.id, ["WAITING"], change)).toEqual({ ...build, ...change });
    const later = { status: "DONE", runtime: {}, uploadHash: undefined, image: "sandbox/box:v1" } as const;
    expect(await builds.change(build.id, ["FAILED"], later)).toEqual({ ...build, ...change, ...later });
  });

  test("F084 an upload is opened once, in time, by whoever comes first", async () => {
    await using store = await openInstalledStore(await database.create());
    const { builds } = store;
    const build = newBuild("box");
    await builds.insert(build);
    const hash = build.uploadHash ?? "";
    expect(await builds.claimUpload("another", 1)).toBeUndefined();
    expect(await builds.claimUpload(hash, 1000)).toBeUndefined();
    const claims = await Promise.all(Array.from({ length: 4 }, () => builds.claimUpload(hash, 999)));
    expect(claims.filter((claim) => claim !== undefined)).toEqual([
      { ...build, status: "RECEIVING", uploadHash: undefined },
    ]);
  });

  test("an image without a name is the engine's to forget, once", async () => {
    await using store = await openInstalledStore(await database.create());
    const { builds, images } = store;
    const [open, named, publishing] = [
      newBuild("open", { status: "BUILDING" }),
      newBuild("named", { status: "FAILED", image: "sandbox/named:v1" }),
      newBuild("publishing", { status: "PUBLISHING" }),
    ] as const;
    for (const build of [open, named, publishing]) await builds.insert(build);
    expect(await builds.remove(named.id)).toBe(false);
    expect(await builds.remove(publishing.id)).toBe(false);
    expect(await builds.remove(open.id)).toBe(true);
    expect(await builds.remove(open.id)).toBe(false);
    expect(await images.removals()).toEqual([open.id]);
    expect(await builds.all()).toEqual([]);
  });

  test("F076 what an image brings along is kept with its version, and goes with it", async () => {
    await using store = await openInstalledStore(await database.create());
    const { id } = newBuild("box");
    await publish(store, id);
    expect(await store.builds.imageRuntime(id)).toEqual({});
    await store.builds.setImageRuntime(id, { memory: 512 });
    await store.builds.setImageRuntime(id, { memory: 512 });
    expect(await store.builds.imageRuntime(id)).toEqual({ memory: 512 });
    const image = await store.images.find(WORKSPACE, "box");
    if (image !== undefined) await store.images.remove(image);
    expect(await store.builds.imageRuntime(id)).toEqual({});
  });
});
