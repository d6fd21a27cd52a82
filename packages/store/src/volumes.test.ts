import { expect, test } from "bun:test";
import { randomId, type AppError } from "@dormouse/kernel";
import { VolumeId, VolumeListQuery, VolumeName, type ResourceEvent } from "@dormouse/schema";
import { describeEachDatabase, newSandbox, openInstalledStore, WORKSPACE } from "../testkit/index.ts";
import type { VolumeRecord } from "./index.ts";

function newVolume(name: string, change: Partial<VolumeRecord> = {}): VolumeRecord {
  return {
    id: VolumeId.parse(randomId()),
    workspace: WORKSPACE,
    name: VolumeName.parse(name),
    displayName: undefined,
    externalId: undefined,
    labels: {},
    sizeMb: 1024,
    region: undefined,
    template: undefined,
    status: "DEPLOYED",
    attachedTo: undefined,
    events: [],
    createdAtMs: 1,
    updatedAtMs: 1,
    ...change,
  };
}

const EVENT: ResourceEvent = { type: "status", status: "DEPLOYED", message: "Something", time: "2030-01-01T00:00:00Z" };

const codeOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: AppError) => error.code,
  );

describeEachDatabase((database) => {
  test("F230 a volume is stored, found, changed and removed; its name is taken once", async () => {
    await using store = await openInstalledStore(await database.create());
    const volume = newVolume("kept", { externalId: "ext", labels: { a: "b" }, region: "here", sizeMb: 16_000_000 });
    await store.volumes.insert(volume);
    expect(await store.volumes.find(WORKSPACE, "kept")).toEqual(volume);
    expect(await store.volumes.findByExternalId(WORKSPACE, "ext")).toEqual(volume);
    expect(await codeOf(store.volumes.insert(newVolume("kept")))).toBe("VOLUME_ALREADY_EXISTS");
    const changed = await store.volumes.change(volume.id, { sizeMb: 2048, event: EVENT, updatedAtMs: 2 });
    expect(changed).toEqual({ ...volume, sizeMb: 2048, events: [EVENT], updatedAtMs: 2 });
    expect(await store.volumes.find(WORKSPACE, "kept")).toEqual(changed);
    await store.volumes.remove(volume.id);
    await store.volumes.remove(volume.id);
    expect(await store.volumes.find(WORKSPACE, "kept")).toBeUndefined();
    expect(await store.volumes.change(volume.id, { updatedAtMs: 3 })).toBeUndefined();
  });

  test("F231 of sandboxes that want a volume at once one gets it; who wants two gets both or none", async () => {
    await using store = await openInstalledStore(await database.create());
    const [wanted, other] = [newVolume("wanted"), newVolume("other")];
    const sandboxes = ["a", "b", "c", "d"].map((name) => newSandbox(name));
    for (const volume of [wanted, other]) await store.volumes.insert(volume);
    for (const sandbox of sandboxes) await store.sandboxes.insert(sandbox);
    const codes = await Promise.all(
      sandboxes.map(({ id }) => codeOf(store.volumes.attach(id, [other.id, wanted.id], EVENT))),
    );
    expect(codes.filter((code) => code === "VOLUME_IN_USE")).toHaveLength(3);
    expect(codes.filter((code) => code === undefined)).toHaveLength(1);
    const winner = sandboxes[codes.indexOf(undefined)];
    const attached = await store.volumes.find(WORKSPACE, "wanted");
    expect(attached).toMatchObject({ attachedTo: { id: winner?.id, name: winner?.name }, events: [EVENT] });
    expect(await store.volumes.listAttachedTo(winner?.id ?? ("" as never))).toHaveLength(2);
    expect(await store.volumes.markDeleting(wanted.id, 2)).toBe(false);
  });

  test("F057 a volume is free when it is released, and when the sandbox's record is gone", async () => {
    await using store = await openInstalledStore(await database.create());
    const volume = newVolume("data");
    const [first, second] = [newSandbox("first"), newSandbox("second")];
    await store.volumes.insert(volume);
    for (const sandbox of [first, second]) await store.sandboxes.insert(sandbox);
    await store.volumes.attach(first.id, [volume.id], EVENT);
    await store.volumes.release(first.id, EVENT);
    expect(await store.volumes.find(WORKSPACE, "data")).toMatchObject({
      attachedTo: undefined,
      events: [EVENT, EVENT],
    });
    await store.volumes.attach(second.id, [volume.id], EVENT);
    await store.sandboxes.remove(second.id);
    expect(await store.volumes.find(WORKSPACE, "data")).toMatchObject({ attachedTo: undefined });
    expect(await store.volumes.markDeleting(volume.id, 2)).toBe(true);
    expect(await codeOf(store.volumes.attach(first.id, [volume.id], EVENT))).toBe("VOLUME_IN_USE");
    expect((await store.volumes.unsettled()).map(({ name }) => name)).toEqual([volume.name]);
  });

  test("F230 lists are searched, sorted and read page by page", async () => {
    await using store = await openInstalledStore(await database.create());
    for (const [at, name] of ["b-one", "a-two", "c-one"].entries()) {
      await store.volumes.insert(newVolume(name, { createdAtMs: at }));
    }
    const list = (query: Record<string, string>) =>
      store.volumes.list(WORKSPACE, VolumeListQuery.parse({ sort: "name:asc", ...query }), 1);
    const first = await list({ q: "one", limit: "1" });
    expect(first).toMatchObject({ records: [{ name: "b-one" }], totalCount: 2 });
    const rest = await list({ q: "one", limit: "1", cursor: first.nextCursor ?? "" });
    expect(rest).toMatchObject({ records: [{ name: "c-one" }], nextCursor: undefined, totalCount: 2 });
    expect(await codeOf(list({ q: "two", cursor: first.nextCursor ?? "" }))).toBe("INVALID_ARGUMENT");
  });
});
