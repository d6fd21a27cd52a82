import { SandboxInstance } from "@blaxel/core";
import { caught, report } from "./report.mjs";

const seen = {};
const image = "blaxel/base-image:latest";
const { BL_API_URL, BL_API_KEY } = process.env;

/** What the SDK has no method for. */
const put = async (name, body) => {
  const response = await fetch(`${BL_API_URL}/sandboxes/${name}`, {
    method: "PUT",
    headers: { Authorization: `Bearer ${BL_API_KEY}`, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  return response.json();
};

const sandbox = await SandboxInstance.create({
  name: "updates",
  image,
  memory: 512,
  labels: { team: "a" },
  externalId: "external-1",
  envs: [{ name: "SECRET", value: "hush", secret: true }],
});
await sandbox.fs.write("/tmp/kept", "kept");

// GET-then-PUT, as the SDK does it: its own keys ignored, masked secrets kept, nothing restarted.
const updated = await SandboxInstance.updateMetadata("updates", {
  labels: { team: "b" },
  displayName: "Updated",
  externalId: "external-2",
});
seen.updated = updated.metadata;
seen.eventsAdded = updated.events.length - sandbox.events.length;
seen.kept = await sandbox.fs.read("/tmp/kept");
seen.byExternalId = (await SandboxInstance.getByExternalId("external-2")).metadata.name;
seen.oldExternalId = (await caught(SandboxInstance.getByExternalId("external-1"))).code;
seen.externalIds = (await SandboxInstance.list({ externalId: "external-2" })).data.length;
const runSecret = () => sandbox.process.exec({ command: "echo $SECRET", waitForCompletion: true });
seen.secret = (await runSecret()).logs;
seen.badExternalId = (await caught(SandboxInstance.updateMetadata("updates", { externalId: "not valid!" }))).code;

// Disabled and enabled again, with what was in memory and on disk.
await sandbox.process.exec({ name: "counter", command: "while true; do date +%s%N > /tmp/ticks; sleep 0.05; done" });
await sandbox.process.exec({ command: "until [ -s /tmp/ticks ]; do sleep 0.01; done", waitForCompletion: true });
seen.disabled = (await put("updates", { spec: { enabled: false } })).status;
seen.whileDisabled = await caught(sandbox.fs.read("/tmp/kept"));
seen.disabledStatus = (await SandboxInstance.get("updates")).status;
seen.enabled = (await put("updates", { spec: { enabled: true } })).status;
seen.keptAfterEnable = await sandbox.fs.read("/tmp/kept");
seen.counter = (await sandbox.process.get("counter")).status;
const tick = await sandbox.fs.read("/tmp/ticks");
await new Promise((resolve) => setTimeout(resolve, 300));
seen.ticksOn = (await sandbox.fs.read("/tmp/ticks")) !== tick;

// Fixed at creation, and what starts the sandbox anew.
seen.otherEnvs = (await put("updates", { spec: { runtime: { envs: [{ name: "SECRET", value: "other" }] } } })).error;
seen.otherImage = (await put("updates", { spec: { runtime: { image: "blaxel/nowhere:latest" } } })).error;
seen.untouched = await sandbox.fs.read("/tmp/kept");
const anew = await put("updates", { spec: { runtime: { memory: 1024 } } });
seen.anew = { status: anew.status, memory: anew.spec.runtime.memory, url: anew.metadata.url === sandbox.metadata.url };
seen.filesAnew = (await caught(sandbox.fs.read("/tmp/kept"))).status;
seen.secretAnew = (await runSecret()).logs;

// Races for one name: while it is deleted, and between clients.
const deletion = SandboxInstance.delete("updates");
const [, ...reborn] = await Promise.all([
  deletion,
  ...Array.from({ length: 5 }, () => SandboxInstance.createIfNotExists({ name: "updates", image, memory: 512 })),
]);
const served = await Promise.all(
  reborn
    .map((one) => one.process.exec({ command: "echo served", waitForCompletion: true }))
    .map((call) => caught(call)),
);
seen.rebornStatus = (await SandboxInstance.get("updates")).status;
seen.rebornServed = served.filter((answer) => answer === "no error").length;
seen.failedTwice = await Promise.all(
  [1, 2].map(() =>
    caught(SandboxInstance.createIfNotExists({ name: "failing", image: "blaxel/nowhere:latest" })).then(
      ({ code }) => code,
    ),
  ),
);
seen.failedLeft = (await caught(SandboxInstance.get("failing"))).code;

seen.extraArgs = await caught(SandboxInstance.create({ name: "tunnel", image, extraArgs: { tun: "enabled" } }));
seen.tunOff = (
  await SandboxInstance.create({ name: "no-tunnel", image, memory: 512, extraArgs: { tun: "disabled" } })
).spec.runtime.extraArgs;

await SandboxInstance.delete("updates");
await SandboxInstance.delete("no-tunnel");
report(seen);
