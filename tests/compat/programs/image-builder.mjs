import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ImageInstance, SandboxInstance } from "@blaxel/core";
import { caught, report } from "./report.mjs";

const seen = {};
const folder = mkdtempSync(join(tmpdir(), "dormouse-image-"));
const note = join(folder, "note.txt");
writeFileSync(note, "from a local file\n");
mkdirSync(join(folder, "site", "deep"), { recursive: true });
writeFileSync(join(folder, "site", "deep", "index.html"), "from a local folder\n");

// Without a server: what it writes and how it branches.
const documented = ImageInstance.fromRegistry("python:3.11-slim")
  .aptInstall("git")
  .workdir("/app")
  .pipInstall("requests");
seen.documented = documented.dockerfile;
seen.hash = documented.hash;
seen.baseImage = documented.baseImage;
seen.helpers = ImageInstance.fromRegistry("debian:12")
  .aptInstall("git")
  .apkAdd("git")
  .pipInstall("requests")
  .uvInstall("requests")
  .pipxInstall("black")
  .npmInstall({ globalInstall: true }, "typescript")
  .npmInstall({ packageManager: "pnpm" }, "vite")
  .gemInstall("rails")
  .cargoInstall({ locked: true }, "ripgrep")
  .goInstall("golang.org/x/tools/gopls@latest")
  .composerInstall("monolog/monolog")
  .copy("here", "there")
  .user("app")
  .dockerfile.trim()
  .split("\n")
  .slice(1);
const base = ImageInstance.fromRegistry("python:3.11-slim").aptInstall("git", "curl").workdir("/app");
const branches = [
  base.pipInstall("torch").env({ CUDA_VISIBLE_DEVICES: "0" }),
  base.pipInstall("fastapi").expose(8000).entrypoint("python", "-m", "uvicorn", "main:app"),
];
seen.branches = [base, ...branches].map(({ dockerfile }) => dockerfile);
seen.hashes = new Set([base, ...branches].map(({ hash }) => hash)).size;
const written = documented.addLocalFile(note, "/app/note.txt", "renamed.txt");
seen.written = readdirSync(written.write(folder, "written")).toSorted();
seen.manifest = JSON.parse(readFileSync(join(folder, "written", "manifest.json"), "utf8"));
const temporary = written.writeTemp();
seen.temporary = readdirSync(temporary).toSorted();
rmSync(dirname(temporary), { recursive: true });

// With one: two branches of one base, built, and built again.
const common = ImageInstance.fromRegistry(process.env.BASE_IMAGE)
  .workdir("/app")
  .addLocalFile(note, "/app/note.txt")
  .addLocalDir(join(folder, "site"), "/app/site", "content")
  .runCommands("echo made > made.txt", 'echo "more" >> made.txt')
  .env({ COLOUR: "green" })
  .label({ team: "a" })
  .arg("SIZE", "4")
  .expose(8000);
const started = common.entrypoint("/bin/sh", "-c", "echo started > /tmp/started; sleep 3600");

const build = async (image, name, options = {}) => {
  const statuses = [];
  const sandbox = await image.build({
    name,
    memory: 512,
    onStatusChange: (status) => statuses.push(status),
    ...options,
  });
  return { statuses, image: sandbox.spec?.runtime?.image, labels: sandbox.metadata?.labels, status: sandbox.status };
};
const output = async (name, command) => {
  const sandbox = await SandboxInstance.get(name);
  return (await sandbox.process.exec({ command, waitForCompletion: true })).stdout;
};

seen.built = await build(common, "plain");
seen.content = await output("plain", "cat note.txt site/deep/index.html made.txt; echo $COLOUR; pwd");
seen.started = await build(started, "started", { sandboxVersion: "v1.2.3" });
seen.startedContent = await output("started", "while [ ! -s /tmp/started ]; do sleep 0.1; done; cat /tmp/started");
seen.again = await build(common.runCommands("echo again > again.txt"), "plain");
seen.againContent = await output("plain", "cat again.txt made.txt");
seen.failed = await caught(build(common.runCommands("exit 3"), "broken"));

const further = await SandboxInstance.create({ name: "further", image: seen.again.image, memory: 512 });
seen.further = (await further.process.exec({ command: "cat again.txt", waitForCompletion: true })).stdout;
const latest = await SandboxInstance.create({ name: "latest", image: "plain:latest", memory: 512 });
seen.latest = (await latest.process.exec({ command: "cat again.txt", waitForCompletion: true })).stdout;

rmSync(folder, { recursive: true });
report(seen);
