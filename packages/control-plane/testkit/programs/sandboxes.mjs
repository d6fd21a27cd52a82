// Drives the sandbox calls of the stock client and prints what it saw as one JSON object.
import { SandboxInstance } from "@blaxel/core";

const caught = (promise) =>
  promise.then(
    () => "no error",
    (error) => error,
  );
const seen = {};

const created = await SandboxInstance.create({
  name: "sdk-1",
  image: "blaxel/base-image:latest",
  memory: 2048,
  labels: { team: "a" },
  externalId: "ext-1",
  ports: [{ name: "web", target: 3000, protocol: "HTTP" }],
  envs: [{ name: "A", value: "1" }],
  ttl: "1h",
});
seen.created = { metadata: created.metadata, status: created.status };
seen.unnamed = (await SandboxInstance.create({})).metadata.name;
seen.got = (await SandboxInstance.get("sdk-1")).metadata.name;
seen.byExternalId = (await SandboxInstance.getByExternalId("ext-1")).metadata.name;
seen.conflict = await caught(SandboxInstance.create({ name: "sdk-1" }));
seen.badImage = await caught(SandboxInstance.create({ name: "sdk-2", image: "blaxel/nowhere:latest" }));
seen.missing = await caught(SandboxInstance.get("nobody"));
seen.reused = (await SandboxInstance.createIfNotExists({ name: "sdk-1" })).metadata.createdAt;

const sharing = Array.from({ length: 50 }, () => SandboxInstance.createIfNotExists({ name: "shared" }));
seen.shared = new Set((await Promise.all(sharing)).map(({ metadata }) => metadata.createdAt)).size;

const page = await SandboxInstance.list({ limit: 2, sort: "name:asc" });
seen.firstPage = page.data.map(({ metadata }) => metadata.name);
seen.allPages = (await page.autoPagingToArray({ limit: 100 })).length;
seen.listed = (await SandboxInstance.list({ q: "sdk", status: "DEPLOYED", showTerminated: true })).data.length;

const relabelled = await SandboxInstance.updateMetadata("sdk-1", { labels: { team: "b" }, displayName: "One" });
seen.relabelled = relabelled.metadata;
seen.withoutTtl = (await SandboxInstance.updateTtl("sdk-1", null)).spec.runtime;
seen.withLifecycle = (
  await SandboxInstance.updateLifecycle("sdk-1", {
    expirationPolicies: [{ type: "ttl-idle", value: "1h", action: "delete" }],
  })
).spec.lifecycle;

seen.deleted = (await SandboxInstance.delete("sdk-1")).status;
seen.deletedTwice = await caught(SandboxInstance.delete("sdk-1"));
seen.recreated = (await SandboxInstance.createIfNotExists({ name: "sdk-1" })).status;

process.stdout.write(JSON.stringify(seen));
