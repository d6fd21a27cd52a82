import { createHash, randomBytes } from "node:crypto";
import { SandboxInstance } from "@blaxel/core";
import { caught, report } from "./report.mjs";

const seen = {};
const sandbox = await SandboxInstance.create({ name: "files", memory: 1024 });
const { fs } = sandbox;
const run = async (command) => (await sandbox.process.exec({ command, waitForCompletion: true })).logs;

await fs.write("/tmp/a b/ü.txt", "héllo\n");
seen.written = { read: await fs.read("/tmp/a b/ü.txt"), inside: await run("cat '/tmp/a b/ü.txt'") };
await fs.write("relative.txt", "in the working directory");
seen.relative = await run("cat /blaxel/relative.txt");
await fs.write("/tmp/empty", "");
seen.empty = await fs.read("/tmp/empty");
seen.missing = (await caught(fs.read("/tmp/none"))).status;

const bytes = randomBytes(3 * 1024 * 1024);
await fs.writeBinary("/tmp/binary", bytes);
const back = Buffer.from(await (await fs.readBinary("/tmp/binary")).arrayBuffer());
seen.binary = {
  same: back.equals(bytes),
  inside: (await run("sha256sum /tmp/binary")).split(" ")[0] === sha256(bytes),
};
await fs.writeBinary("/tmp/blob", new Blob(["blob ", "parts"]));
seen.blob = await fs.read("/tmp/blob");

await fs.writeTree(
  [
    { path: "index.js", content: "1" },
    { path: "src/deep/file.ts", content: "2" },
  ],
  "/tmp/tree",
);
seen.tree = await run("cd /tmp/tree && find . -type f | sort | xargs tail -n +1");

await fs.mkdir("/tmp/dir/nested");
seen.mkdir = await run("stat -c %F /tmp/dir/nested");
const listing = await fs.ls("/tmp/tree");
seen.ls = {
  path: listing.path,
  files: listing.files.map(({ name, path, size, owner }) => ({ name, path, size, owner })),
  subdirectories: listing.subdirectories.map(({ name, path }) => ({ name, path })),
};
seen.lsMissing = (await caught(fs.ls("/tmp/none"))).status;

await fs.cp("/tmp/tree", "/tmp/copy");
seen.cp = await fs.read("/tmp/copy/src/deep/file.ts");
await fs.rm("/tmp/empty");
seen.rm = (await caught(fs.read("/tmp/empty"))).status;
const refused = (await caught(fs.rm("/tmp/tree"))).status;
await fs.rm("/tmp/tree", true);
seen.rmTree = { refused: refused >= 400 && refused < 500, after: (await caught(fs.ls("/tmp/tree"))).status };

await sandbox.delete();
report(seen);

function sha256(data) {
  return createHash("sha256").update(data).digest("hex");
}
