import { chownSync, mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { instanceDir } from "@dormouse/engine";
import { dataFiles, INSTALL_DIR } from "./installation.ts";
import type { HostUser } from "./server-user.ts";

/** Command lines of the two processes `up` runs. Each ends with its parent. */

/* Whatever `up` itself runs from, the bundle or the sources. */
const MAIN = relative(INSTALL_DIR, Bun.main);
const DIES_WITH_PARENT = ["setpriv", "--pdeathsig=TERM", "--"];

/** In a mount namespace of its own, so that its mounts are nobody else's and end with it. */
export function engineCommand(args: readonly string[]): string[] {
  const bun = process.execPath;
  const ours = ["unshare", "--mount", "--propagation=private", "--", bun, join(INSTALL_DIR, MAIN), "engine", ...args];
  return [...DIES_WITH_PARENT, ...ours];
}

/**
 * As an unprivileged user that sees the installation and its own data at fixed paths, wherever they lie, and neither gains
 * privileges nor has any.
 */
export function serverCommand(instance: string, dataDir: string, user: HostUser): string[] {
  const home = instanceDir(instance);
  const [app, data] = [join(home, "app"), join(home, "server")];
  const source = dataFiles(dataDir).serverDir;
  for (const dir of [home, app, data]) mkdirSync(dir, { recursive: true, mode: 0o755 });
  mkdirSync(source, { recursive: true, mode: 0o700 });
  chownSync(source, user.userId, user.groupId);
  const bun = process.execPath.startsWith(INSTALL_DIR)
    ? join(app, relative(INSTALL_DIR, process.execPath))
    : process.execPath;
  const script = [
    "set -e",
    `mount --bind "$1" "$2"`,
    `mount -o remount,bind,ro "$2"`,
    `mount --bind "$3" "$4"`,
    `user=$5 group=$6; shift 6; cd /`,
    `exec setpriv --pdeathsig=TERM --reuid="$user" --regid="$group" --clear-groups --no-new-privs \\
      --inh-caps=-all --bounding-set=-all -- "$@"`,
  ].join("\n");
  const parameters = [INSTALL_DIR, app, source, data, String(user.userId), String(user.groupId)];
  return [
    "unshare",
    "--mount",
    "--propagation=private",
    "--",
    "sh",
    "-c",
    script,
    "start-server",
    ...parameters,
    bun,
    join(app, MAIN),
    "server",
    `--data=${data}`,
    `--instance=${instance}`,
  ];
}
