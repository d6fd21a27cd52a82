import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { ImageTools, newImageId, useEngine } from "../../testkit/index.ts";
import { runCommand } from "../run-command.ts";
import { importOciLayout } from "./import-layout.ts";
import { withTool } from "./tool-box.ts";

const suite = useEngine();
const IMPORT_MAIN = resolve(import.meta.dir, "../../testkit/import-main.ts");
let tools: ImageTools;
const images = (...path: string[]): string => join(suite.data.dir, "images", ...path);

beforeAll(async () => {
  tools = await ImageTools.open(suite.data.dir);
});
afterAll(async () => {
  await tools[Symbol.asyncDispose]();
});

/** An image of 64 MiB that do not shrink. */
async function largeLayout(): Promise<string> {
  const dir = tools.folder();
  const tarFile = tools.file();
  await runCommand(["sh", "-c", `head -c 64M /dev/urandom > ${dir}/large && tar -cf ${tarFile} -C ${dir} .`]);
  return tools.layout({ layers: [{ tarFile, compression: "gzip" }] });
}

const parentOf = (pid: string): string => {
  try {
    return /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
  } catch {
    return "";
  }
};

/** Processes the process has started, and those have. */
function descendantsOf(pid: string): string[] {
  const all = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const children = all.filter((candidate) => parentOf(candidate) === pid);
  return [...children, ...children.flatMap(descendantsOf)];
}

test("an import that is killed leaves no process, no layer of its own and nothing on the disk once an engine starts", async () => {
  const layoutDir = await largeLayout();
  const before = readdirSync(images("layers"));
  /* As an engine is: its mounts end with it. */
  const own = ["unshare", "--mount", "--propagation=private", "--"];
  const child = Bun.spawn([...own, process.execPath, IMPORT_MAIN, suite.data.dir, layoutDir], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, TMPDIR: tools.folder() },
  });
  const large = (): boolean =>
    readdirSync(images("drafts")).some((name) => existsSync(images("drafts", name, "layer/large")));
  while (!large() && child.exitCode === null) await Bun.sleep(1);
  const pids = descendantsOf(String(child.pid));
  expect(pids.length).toBeGreaterThan(2);
  child.kill("SIGKILL");
  await child.exited;
  while (pids.some((pid) => existsSync(`/proc/${pid}`))) await Bun.sleep(1);
  expect(readdirSync(images("drafts"))).toHaveLength(1);
  expect(readdirSync(images("layers"))).toEqual(before);

  await suite.engine.kill();
  mkdirSync(images("trash/half-erased/folder"), { recursive: true });
  suite.engine = await suite.data.start();
  while (["drafts", "trash"].some((name) => readdirSync(images(name)).length > 0)) await Bun.sleep(1);
  const image = await importOciLayout(tools.deps, { layoutDir, id: newImageId() });
  expect(readdirSync(images("layers")).toSorted()).toEqual([...before, ...image.layers].toSorted());
}, 60_000);

test("an import that is given up ends at once and leaves nothing", async () => {
  const layoutDir = await largeLayout();
  const abort = new AbortController();
  const importing = importOciLayout(tools.deps, { layoutDir, id: newImageId(), signal: abort.signal });
  while (readdirSync(images("drafts")).length === 0) await Bun.sleep(1);
  abort.abort(new Error("given up"));
  await expect(importing).rejects.toThrow("given up");
  expect(readdirSync(images("drafts"))).toEqual([]);
  expect(readdirSync(tools.deps.layout.boxesDir())).toEqual([]);
});

test("a tool sees nothing of the host but its programs, and can do nothing but write where it should", async () => {
  const folder = tools.folder();
  const secret = tools.file();
  await Bun.write(secret, "secret");
  const script = `
    id -u; cat ${secret} /etc/shadow /etc/passwd; ls /proc | grep -c '^[0-9]'; ls /
    echo x > /usr/x; echo x > /etc/x; mknod /tmp/sda b 8 0; mount -t tmpfs none /tmp
    unshare --user true; chroot /tmp; ls /sys/class/net /dev
    grep -E 'CapBnd|NoNewPrivs' /proc/self/status; echo mine > /folder/mine; ls -n /folder/mine
    ip -brief link 2>&1 | cut -c 1-20`;
  const output = await withTool(
    tools.deps,
    {
      purpose: "look around",
      command: ["sh", "-c", script],
      shown: [{ source: folder, target: "folder", isWritable: true }],
      timeoutMs: 10_000,
      signal: new AbortController().signal,
    },
    async (tool) => {
      tool.end();
      return new Response(tool.output).text();
    },
  );
  expect(output).toMatch(
    new RegExp(
      [
        "^0",
        "[1-9]",
        "bin\netc\nfolder\nlib\nlib64\nold\nproc\nsbin\ntmp\nusr\nvar",
        "CapBnd:\t000000008000001b",
        "NoNewPrivs:\t1",
        "-rw-r--r-- 1 0 0 5 .* /folder/mine",
        "lo +DOW",
        "$",
      ].join("\n"),
    ),
  );
  expect(readdirSync(folder)).toEqual(["mine"]);
  rmSync(folder, { recursive: true });
});
