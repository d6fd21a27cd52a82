import { readFileSync } from "node:fs";
import { runCommand } from "@dormouse/engine";
import { SERVER_USER } from "./installation.ts";

export interface HostUser {
  readonly userId: number;
  readonly groupId: number;
}

/** The user the server runs as; made as a system user without home or shell when the host has none. */
export async function ensureServerUser(): Promise<HostUser> {
  const existing = findUser(SERVER_USER);
  if (existing !== undefined) return existing;
  await runCommand([
    "useradd",
    "--system",
    "--user-group",
    "--no-create-home",
    "--shell",
    "/usr/sbin/nologin",
    SERVER_USER,
  ]);
  const made = findUser(SERVER_USER);
  if (made === undefined) throw new Error(`Cannot find user "${SERVER_USER}" after adding it`);
  return made;
}

/** Source: passwd(5), fields name:password:uid:gid:… */
export function findUser(name: string): HostUser | undefined {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((entry) => entry.startsWith(`${name}:`));
  const fields = line?.split(":");
  return fields === undefined ? undefined : { userId: Number(fields[2]), groupId: Number(fields[3]) };
}
