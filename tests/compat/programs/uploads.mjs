import { createHash, randomBytes } from "node:crypto";
import { readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SandboxInstance } from "@blaxel/core";
import { caught, report } from "./report.mjs";

const seen = {};
const sandbox = await SandboxInstance.create({ name: "uploads", memory: 1024 });
const { fs } = sandbox;
const run = async (command) => (await sandbox.process.exec({ command, waitForCompletion: true })).logs;
const sha256 = (data) => createHash("sha256").update(data).digest("hex");

// Above 5 MiB the client uploads in parts, three at a time.
const bytes = randomBytes(23 * 1024 * 1024 + 7);
await fs.writeBinary("/tmp/large.bin", bytes);
seen.binary = (await run("sha256sum /tmp/large.bin")).startsWith(sha256(bytes));
const text = "línea\n".repeat(1_200_000);
await fs.write("/tmp/large.txt", text);
seen.text = (await run("sha256sum /tmp/large.txt")).startsWith(sha256(text));
await fs.writeBinary("/tmp/large.bin", bytes.subarray(0, 6 * 1024 * 1024));
seen.replaced = await run("stat -c %s /tmp/large.bin");
seen.left = await run("ls -A /tmp");

const target = join(tmpdir(), `dormouse-download-${process.pid}`);
await fs.download("/tmp/large.txt", target, { mode: 0o600 });
seen.download = {
  same: sha256(readFileSync(target)) === sha256(text),
  mode: (statSync(target).mode & 0o777).toString(8),
};
rmSync(target);

seen.refused = (await caught(fs.writeBinary("/proc/none/large.bin", bytes))) !== "no error";

await sandbox.delete();
report(seen);
