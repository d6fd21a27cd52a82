import {
  createVolumeTemplate,
  deleteVolumeTemplate,
  deleteVolumeTemplateVersion,
  getVolumeTemplate,
  listVolumeTemplates,
  SandboxInstance,
  updateVolumeTemplate,
  VolumeInstance,
} from "@blaxel/core";
import { createRequire } from "node:module";
import { buffer } from "node:stream/consumers";
import { caught, report } from "./report.mjs";

/** The one the SDK itself packs with. */
const archiver = createRequire(import.meta.resolve("@blaxel/core"))("archiver");

const seen = {};
const run = async (sandbox, command) => (await sandbox.process.exec({ command, waitForCompletion: true })).stdout;

async function pack(format, files) {
  const archive = archiver(format);
  for (const [name, content, mode] of files) archive.append(content, { name, mode });
  archive.finalize();
  return buffer(archive);
}

/** The address of an answer is all there is to know. */
async function upload({ response }, format, files) {
  const answer = await fetch(response.headers.get("x-blaxel-upload-url"), {
    method: "PUT",
    headers: { "Content-Type": format === "zip" ? "application/zip" : "application/x-tar" },
    body: await pack(format, files),
  });
  return { status: answer.status, body: await answer.json() };
}

const path = { volumeTemplateName: "tools" };
const made = await createVolumeTemplate({
  body: { metadata: { name: "tools" }, spec: { defaultSize: 32, description: "Tools" } },
  query: { upload: true },
  throwOnError: true,
});
seen.created = made.data;
seen.uploaded = await upload(made, "zip", [
  ["bin/hello", "#!/bin/sh\necho first\n", 0o755],
  ["notes.txt", "of version 1", 0o600],
]);
const updated = await updateVolumeTemplate({
  path,
  body: made.data,
  query: { upload: true, version: "v2" },
  throwOnError: true,
});
await upload(updated, "tar", [["bin/hello", "#!/bin/sh\necho second\n", 0o755]]);
const { data: ready } = await getVolumeTemplate({ path, throwOnError: true });
seen.ready = ready;
seen.listed = (await listVolumeTemplates({ throwOnError: true })).data.map(({ metadata }) => metadata.name);
seen.createdTwice = await caught(createVolumeTemplate({ body: made.data, throwOnError: true }));

for (const [name, template] of [
  ["one", "tools:1"],
  ["two", "tools:v2"],
  ["newest", "tools:latest"],
]) {
  const volume = await VolumeInstance.create({ name, size: 64, template });
  const sandbox = await SandboxInstance.create({ name, memory: 512, volumes: [{ name, mountPath: "/data" }] });
  seen[name] = {
    template: volume.spec.template,
    says: await run(sandbox, "/data/bin/hello"),
    files: await run(sandbox, "cd /data && find . -type f | sort | xargs stat -c '%U:%G %a %n' && ls -A"),
    writes: await run(sandbox, "echo mine > /data/bin/hello && chown 1000 /data/bin/hello && cat /data/bin/hello"),
  };
  await sandbox.delete();
}
await VolumeInstance.create({ name: "again", size: 64, template: "tools:1" });
const again = await SandboxInstance.create({
  name: "again",
  memory: 512,
  volumes: [{ name: "again", mountPath: "/data" }],
});
seen.again = await run(again, "/data/bin/hello");
seen.tooSmall = await caught(VolumeInstance.create({ name: "small", size: 1, template: "tools:1" }));
seen.unknown = await caught(VolumeInstance.create({ name: "unknown", template: "tools:9" }));

const version = { ...path, versionName: "v2" };
seen.versionDeleted = (await deleteVolumeTemplateVersion({ path: version, throwOnError: true })).data.template.state;
seen.onlyVersion = await caught(
  deleteVolumeTemplateVersion({ path: { ...path, versionName: "1" }, throwOnError: true }),
);
await deleteVolumeTemplate({ path, throwOnError: true });
seen.gone = await caught(getVolumeTemplate({ path, throwOnError: true }));
seen.afterwards = await run(again, "/data/bin/hello; cat /data/notes.txt");
await again.delete();
for (const name of ["one", "two", "newest", "again"]) await VolumeInstance.delete(name);

report(seen);
