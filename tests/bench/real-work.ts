import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ImageStore, runCommand } from "@dormouse/engine";
import type { Sandbox } from "./api.ts";
import type { BenchContext } from "./context.ts";
import { atMost, type Figure, ms } from "./figure.ts";
import { median, round, timeMs } from "./stats.ts";

/** As many cores as the machine has, up to two of them: the stock size of a sandbox. */
const MEMORY_MB = 4096;

const FILES: Readonly<Record<string, string>> = {
  "package.json": JSON.stringify({
    name: "real-work",
    private: true,
    type: "module",
    dependencies: { "lodash-es": "^4.17.21", react: "^19.0.0", "react-dom": "^19.0.0" },
    devDependencies: { vite: "^7.0.0" },
  }),
  "index.html": `<!doctype html><div id="root"></div><script type="module" src="/main.js"></script>`,
  "main.js": `
    import * as all from "lodash-es";
    import { createElement } from "react";
    import { createRoot } from "react-dom/client";
    createRoot(document.getElementById("root")).render(createElement("p", {}, Object.keys(all).join(" ")));`,
};
/** Everything comes from a cache that a first run has filled: the network is not what is compared. */
const INSTALL = "rm -rf node_modules && npm ci --prefer-offline --no-audit --no-fund --loglevel=error";
const BUILD = "rm -rf dist && node_modules/.bin/vite build --logLevel error";

/** Arguments: folder that is `/mnt` there, root, command. */
const ENTER = `
  mount --bind "$1" "$2/mnt" && mount -t proc proc "$2/proc" && mount --rbind /dev "$2/dev" &&
  { [ ! -e "$2/etc/resolv.conf" ] || mount --bind /etc/resolv.conf "$2/etc/resolv.conf"; } &&
  exec chroot "$2" sh -c "$3"`;
const ENVIRONMENT =
  "export HOME=/mnt npm_config_cache=/mnt/cache npm_config_update_notifier=false NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt";

interface Place {
  run(command: string): Promise<unknown>;
}

/** `npm ci` and a Vite build of one project, in a sandbox and by the same programs on the bare host, in turn. */
export async function benchRealWork(context: BenchContext): Promise<Figure[]> {
  const dir = mkdtempSync(join(context.dormouse.dataDir, "work-"));
  try {
    await using sandbox = await context.api.create("real-work", MEMORY_MB);
    const host = await prepareHost(context, dir);
    const inside = await prepareSandbox(sandbox, dir);
    const install = await compare(INSTALL, { host, inside, count: context.isQuick ? 1 : 5 });
    const build = await compare(BUILD, { host, inside, count: context.isQuick ? 1 : 5 });
    const worst = Math.max(install.ratio, build.ratio);
    return [
      {
        key: "real_work_ratio",
        value: { npm_ci: install.ratio, vite_build: build.ratio },
        title: "real work, inside ÷ bare host",
        text: `npm ci ${install.ratio}× (${ms(install.insideMs)}), Vite build ${build.ratio}× (${ms(build.insideMs)})`,
        beside: `${ms(install.hostMs)}, ${ms(build.hostMs)} on the host`,
        targets: [atMost(worst, 1.1, "≤ 1.1×")],
      },
    ];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The image's own root, entered without anything that isolates; its project and cache lie on the same disk as the sandbox's. */
async function prepareHost({ dormouse }: BenchContext, dir: string): Promise<Place> {
  mkdirSync(join(dir, "project"));
  for (const [name, content] of Object.entries(FILES)) writeFileSync(join(dir, "project", name), content);
  const project = ["--prefix", join(dir, "project"), "--cache", join(dir, "cache")];
  await runCommand([
    "npm",
    "install",
    ...project,
    "--package-lock-only",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ]);
  const images = new ImageStore(join(dormouse.dataDir, "images"));
  const [layer = ""] = images.resolve("blaxel/base-image").layers;
  const root = images.layerDir(layer);
  const run = (command: string): Promise<unknown> =>
    runCommand([
      "unshare",
      "--mount",
      "sh",
      "-c",
      ENTER,
      "sh",
      dir,
      root,
      `${ENVIRONMENT} && cd /mnt/project && ${command}`,
    ]);
  await run(INSTALL);
  return { run };
}

async function prepareSandbox(sandbox: Sandbox, dir: string): Promise<Place> {
  const lock = readFileSync(join(dir, "project/package-lock.json"), "utf8");
  await sandbox.writeTree("/root/project", { ...FILES, "package-lock.json": lock });
  const inProject = (command: string): Promise<string> => sandbox.exec(`cd /root/project && ${command}`);
  await inProject(INSTALL);
  return { run: inProject };
}

interface Comparison {
  readonly hostMs: number;
  readonly insideMs: number;
  readonly ratio: number;
}

async function compare(
  command: string,
  { host, inside, count }: { host: Place; inside: Place; count: number },
): Promise<Comparison> {
  const [hostSamples, insideSamples]: [number[], number[]] = [[], []];
  for (let turn = 0; turn < count; turn++) {
    hostSamples.push(await timeMs(() => host.run(command)));
    insideSamples.push(await timeMs(() => inside.run(command)));
  }
  const [hostMs, insideMs] = [median(hostSamples), median(insideSamples)];
  return { hostMs, insideMs, ratio: round(insideMs / hostMs) };
}
