import { SandboxInstance, VolumeInstance } from "@blaxel/core";
import { caught, report } from "./report.mjs";

const seen = {};
const run = async (sandbox, command) => (await sandbox.process.exec({ command, waitForCompletion: true })).stdout;
const withVolume = (name, volume, extra = {}) =>
  SandboxInstance.create({
    name,
    memory: 512,
    volumes: [{ name: volume, mountPath: "/data", readOnly: false, ...extra }],
  });
const FILL = "dd if=/dev/zero of=/data/big bs=1M count=100 2> /dev/null && echo fits || echo full; rm /data/big";

const made = await VolumeInstance.create({ name: "kept", displayName: "Kept", size: 64, labels: { team: "a" } });
seen.made = { metadata: made.metadata, spec: made.spec, status: made.status };
const unnamed = await VolumeInstance.create({});
seen.unnamed = { name: unnamed.name, size: unnamed.size };
await unnamed.delete();
seen.createdTwice = await caught(VolumeInstance.create({ name: "kept" }));
seen.reused = (await VolumeInstance.createIfNotExists({ name: "kept", size: 32 })).size;
seen.missing = await caught(VolumeInstance.get("nobody"));

const first = await withVolume("first", "kept");
seen.mounted = first.spec.volumes;
await first.fs.write("/data/note.txt", "written in the first sandbox");
seen.full = await run(first, FILL);
seen.attachedTo = (await VolumeInstance.get("kept")).volume.state.attachedTo;
seen.deleteAttached = await caught(VolumeInstance.delete("kept"));
seen.second = await caught(withVolume("second", "kept"));
seen.secondMissing = (await caught(SandboxInstance.get("second"))).code;
await SandboxInstance.updateMetadata("first", { labels: { still: "updatable" } });
await first.delete();

seen.free = (await VolumeInstance.get("kept")).volume.state.attachedTo ?? "nobody";
const grown = await VolumeInstance.update("kept", { size: 256, labels: { team: "b" } });
seen.grown = { size: grown.size, labels: grown.metadata.labels };
seen.shrunk = await caught(VolumeInstance.update("kept", { size: 64 }));
const third = await withVolume("third", "kept", { readOnly: true });
seen.readAgain = await third.fs.read("/data/note.txt");
seen.readOnly = await run(third, "touch /data/x 2> /dev/null && echo writes || echo refused");
await third.delete();
const fourth = await withVolume("fourth", "kept");
seen.roomier = await run(fourth, FILL);
await fourth.delete();

const scratch = await SandboxInstance.create({
  name: "scratch",
  memory: 512,
  volumes: [{ name: "scratch", mountPath: "/scratch", type: "ephemeral", sizeMb: 16 }],
});
seen.scratch = await run(scratch, "touch /scratch/x && df -m /scratch | tail -1 | awk '{ print ($2 < 17) }'");
await scratch.delete();

await VolumeInstance.create({ name: "other", size: 8 });
seen.paged = [];
for await (const { name } of await VolumeInstance.list({ limit: 1, sort: "name:asc" })) seen.paged.push(name);
for (const name of seen.paged) await VolumeInstance.delete(name);
seen.gone = (await caught(VolumeInstance.get("kept"))).code;
seen.left = (await VolumeInstance.list()).data.length;

report(seen);
