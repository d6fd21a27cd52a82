import { chownSync, mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { instanceDir } from "@dormouse/engine";
import { EXECUTABLE_NAME } from "./embedded.ts";
import { CHECKOUT, dataFiles, type Installation, installationIn, isOneFile } from "./installation.ts";
import type { HostUser } from "./server-user.ts";

/** Command lines of the two processes `up` runs. Each ends with its parent. */

/* Whatever `up` itself runs from: the executable by itself, or Bun with the bundle or the sources. */
const OWN_COMMAND = isOneFile ? [process.execPath] : [process.execPath, Bun.main];
const DIES_WITH_PARENT = ["setpriv", "--pdeathsig=TERM", "--"];

/** In a mount namespace of its own, so that its mounts are nobody else's and end with it. */
export function engineCommand(args: readonly string[]): string[] {
  const ours = ["unshare", "--mount", "--propagation=private", "--", ...OWN_COMMAND, "engine", ...args];
  return [...DIES_WITH_PARENT, ...ours];
}

export interface ServerProcess {
  readonly installation: Installation;
  readonly instance: string;
  readonly dataDir: string;
  readonly user: HostUser;
}

/**
 * As an unprivileged user that sees the installation and its own data at fixed paths, wherever they lie, and neither gains
 * privileges nor has any.
 */
export function serverCommand({ installation, instance, dataDir, user }: ServerProcess): string[] {
  const home = instanceDir(instance);
  const [app, data] = [join(home, "app"), join(home, "server")];
  const source = dataFiles(dataDir).serverDir;
  for (const dir of [home, app, data]) mkdirSync(dir, { recursive: true, mode: 0o755 });
  mkdirSync(source, { recursive: true, mode: 0o700 });
  chownSync(source, user.userId, user.groupId);
  const script = [
    "set -e",
    `show() { mount --bind "$1" "$2"; mount -o remount,bind,ro "$2"; }`,
    `show "$1" "$2"`,
    `[ -z "$7" ] || show "$7" "$2/${EXECUTABLE_NAME}"`,
    `mount --bind "$3" "$4"`,
    `user=$5 group=$6; shift 7; cd /`,
    `exec setpriv --pdeathsig=TERM --reuid="$user" --regid="$group" --clear-groups --no-new-privs \\
      --inh-caps=-all --bounding-set=-all -- "$@"`,
  ].join("\n");
  const executable = isOneFile ? process.execPath : "";
  const parameters = [installation.dir, app, source, data, String(user.userId), String(user.groupId), executable];
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
    ...ownCommandIn(app),
    "server",
    `--data=${data}`,
    `--instance=${instance}`,
    `--recipes=${installationIn(app).recipesDir}`,
  ];
}

/** The same where the installation is shown in `app`. */
function ownCommandIn(app: string): string[] {
  if (isOneFile) return [join(app, EXECUTABLE_NAME)];
  return OWN_COMMAND.map((file) => (file.startsWith(CHECKOUT.dir) ? join(app, relative(CHECKOUT.dir, file)) : file));
}
