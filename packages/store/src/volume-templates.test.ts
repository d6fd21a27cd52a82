import { expect, test } from "bun:test";
import { randomId, type AppError } from "@dormouse/kernel";
import { TemplateVersionName, VolumeId, VolumeTemplateName, WorkspaceName } from "@dormouse/schema";
import { describeEachDatabase, openInstalledStore, WORKSPACE } from "../testkit/index.ts";
import type { TemplateVersionRecord, VolumeTemplateRecord } from "./index.ts";

function newTemplate(name: string, change: Partial<VolumeTemplateRecord> = {}): VolumeTemplateRecord {
  return {
    id: randomId(),
    workspace: WORKSPACE,
    name: VolumeTemplateName.parse(name),
    displayName: undefined,
    labels: {},
    defaultSizeMb: 1024,
    description: undefined,
    isDeleting: false,
    versions: [],
    createdAtMs: 1,
    updatedAtMs: 1,
    ...change,
  };
}

const newVersion = (template: VolumeTemplateRecord, name: string, createdAtMs = 1): TemplateVersionRecord => ({
  id: VolumeId.parse(randomId()),
  templateId: template.id,
  name: TemplateVersionName.parse(name),
  status: "CREATED",
  error: undefined,
  contentBytes: undefined,
  uploadHash: `hash of ${template.name}:${name}`,
  uploadExpiresAtMs: 1000,
  uploadedAtMs: undefined,
  createdAtMs,
});

const codeOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: AppError) => error.code,
  );

describeEachDatabase((database) => {
  test("F233 a template is stored with its versions, found, changed and removed; names are taken once", async () => {
    await using store = await openInstalledStore(await database.create());
    const { volumeTemplates } = store;
    const template = newTemplate("tools", { displayName: "Tools", labels: { a: "b" }, description: "What is in it" });
    await volumeTemplates.insert(template);
    expect(await codeOf(volumeTemplates.insert(newTemplate("tools")))).toBe("VOLUME_TEMPLATE_ALREADY_EXISTS");
    const [second, first] = [newVersion(template, "a-second", 2), newVersion(template, "b-first", 1)];
    for (const version of [second, first]) await volumeTemplates.insertVersion(version);
    expect(await codeOf(volumeTemplates.insertVersion({ ...newVersion(template, "a-second"), uploadHash: "x" }))).toBe(
      "VOLUME_TEMPLATE_ALREADY_EXISTS",
    );
    expect(await volumeTemplates.find(WORKSPACE, "tools")).toEqual({ ...template, versions: [first, second] });
    await volumeTemplates.insert(newTemplate("another"));
    expect(
      (await volumeTemplates.list(WORKSPACE)).map(({ name, versions }) => [String(name), versions.length]),
    ).toEqual([
      ["another", 0],
      ["tools", 2],
    ]);
    expect(await volumeTemplates.list(WorkspaceName.parse("other"))).toEqual([]);
    const change = { displayName: undefined, labels: {}, defaultSizeMb: 9, description: "Other", updatedAtMs: 2 };
    await volumeTemplates.change(template.id, change);
    expect(await volumeTemplates.find(WORKSPACE, "tools")).toMatchObject(change);
    await volumeTemplates.removeVersion(first.id);
    expect((await volumeTemplates.find(WORKSPACE, "tools"))?.versions).toEqual([second]);
    await volumeTemplates.remove(template.id);
    await volumeTemplates.remove(template.id);
    expect(await volumeTemplates.find(WORKSPACE, "tools")).toBeUndefined();
  });

  test("F233 an upload is opened once, in time, by whoever comes first", async () => {
    await using store = await openInstalledStore(await database.create());
    const { volumeTemplates } = store;
    const template = newTemplate("tools");
    await volumeTemplates.insert(template);
    const version = newVersion(template, "1");
    await volumeTemplates.insertVersion(version);
    const hash = version.uploadHash ?? "";
    expect(await volumeTemplates.claimUpload("another", 1)).toBeUndefined();
    expect(await volumeTemplates.claimUpload(hash, 1000)).toBeUndefined();
    const claims = await Promise.all(Array.from({ length: 4 }, () => volumeTemplates.claimUpload(hash, 999)));
    expect(claims.filter((claim) => claim !== undefined)).toEqual([
      { template, version: { ...version, status: "UNPACKING", uploadHash: undefined } },
    ]);
    expect(await volumeTemplates.claimUpload(hash, 1)).toBeUndefined();
    const ready = { status: "READY", contentBytes: 5_000_000_000, uploadedAtMs: 7 } as const;
    expect(await volumeTemplates.finishVersion(version.id, ready)).toBe(true);
    expect((await volumeTemplates.find(WORKSPACE, "tools"))?.versions).toMatchObject([ready]);
    expect(await volumeTemplates.finishVersion(version.id, { status: "FAILED", error: "late" })).toBe(false);
  });

  test("what is being deleted or unpacked is unsettled, and takes no upload; what nobody uploads in time has failed", async () => {
    await using store = await openInstalledStore(await database.create());
    const { volumeTemplates } = store;
    const [deleted, unpacked, waiting] = ["deleted", "unpacked", "waiting"].map((name) => newTemplate(name)) as [
      VolumeTemplateRecord,
      VolumeTemplateRecord,
      VolumeTemplateRecord,
    ];
    const versions = [deleted, unpacked, waiting].map((template) => newVersion(template, "1"));
    for (const template of [deleted, unpacked, waiting]) await volumeTemplates.insert(template);
    for (const version of versions) await volumeTemplates.insertVersion(version);
    expect(await volumeTemplates.unsettled()).toEqual([]);
    await volumeTemplates.markDeleting(deleted.id);
    expect(await volumeTemplates.claimUpload("hash of deleted:1", 1)).toBeUndefined();
    await volumeTemplates.claimUpload("hash of unpacked:1", 1);
    await volumeTemplates.failExpiredUploads(1000, "nobody came");
    expect((await volumeTemplates.unsettled()).map(({ name }) => String(name)).toSorted()).toEqual([
      "deleted",
      "unpacked",
    ]);
    expect((await volumeTemplates.find(WORKSPACE, "waiting"))?.versions).toMatchObject([
      { status: "FAILED", error: "nobody came", uploadHash: undefined },
    ]);
    await volumeTemplates.markVersionDeleting(versions[2]?.id ?? ("" as never));
    expect(await volumeTemplates.unsettled()).toHaveLength(3);
  });
});
