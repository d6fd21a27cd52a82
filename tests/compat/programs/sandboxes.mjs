import { SandboxInstance } from "@blaxel/core";
import { caught, report } from "./report.mjs";

const seen = {};
const config = {
  name: "compat",
  image: "blaxel/base-image:latest",
  memory: 512,
  labels: { team: "a" },
  envs: [{ name: "GREETING", value: "hello" }],
  ports: [{ name: "web", target: 3000, protocol: "HTTP" }],
};

const created = await SandboxInstance.create(config);
seen.created = { metadata: created.metadata, spec: created.spec, status: created.status, state: created.sandbox.state };
seen.execAtOnce = (await created.process.exec({ command: "echo $GREETING", waitForCompletion: true })).logs;
seen.fsAtOnce = await created.fs.write("/tmp/at-once", "x").then(() => "written");

seen.createdTwice = await caught(SandboxInstance.create(config));
const reused = await SandboxInstance.createIfNotExists(config);
seen.reused = reused.metadata.createdAt === created.metadata.createdAt;
seen.reusedFile = await reused.fs.read("/tmp/at-once");

const got = await SandboxInstance.get("compat");
seen.got = { name: got.metadata.name, url: got.metadata.url };
seen.gotFile = await got.fs.read("/tmp/at-once");
seen.missing = await caught(SandboxInstance.get("nobody"));

const unnamed = await SandboxInstance.create();
seen.unnamed = { name: unnamed.metadata.name, image: unnamed.spec.runtime.image, memory: unnamed.spec.runtime.memory };
seen.short = (await SandboxInstance.createIfNotExists({ name: "short-form" })).metadata.name;
seen.list = (await SandboxInstance.list()).data.map(({ metadata }) => metadata.name).toSorted();
seen.paged = [];
for await (const { metadata } of await SandboxInstance.list({ limit: 1, sort: "name:asc" }))
  seen.paged.push(metadata.name);

const racing = await Promise.all(
  Array.from({ length: 10 }, () => SandboxInstance.createIfNotExists({ name: "raced" })),
);
seen.raced = new Set(racing.map(({ metadata }) => metadata.createdAt)).size;

seen.badImage = await caught(SandboxInstance.create({ name: "bad", image: "blaxel/nowhere:latest" }));
seen.badPort = await caught(SandboxInstance.create({ name: "bad", ports: [{ target: 8080 }] }));
seen.badMissing = (await caught(SandboxInstance.get("bad"))).code;

seen.relabelled = (await SandboxInstance.updateMetadata("compat", { labels: { team: "b" } })).metadata.labels;
seen.stillThere = await got.fs.read("/tmp/at-once");

seen.deleted = (await SandboxInstance.delete("compat")).status;
seen.afterDelete = (await caught(SandboxInstance.get("compat"))).code;
const again = await SandboxInstance.createIfNotExists(config);
seen.newFiles = (await caught(again.fs.read("/tmp/at-once"))).status;
for (const sandbox of [again, unnamed, racing[0], await SandboxInstance.get("short-form")]) await sandbox.delete();
seen.left = (await SandboxInstance.list()).data.length;

report(seen);
