import { AppError } from "@dormouse/kernel";
import { readFileSync } from "node:fs";

/** Whom a process runs as. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups. */
  readonly groups: readonly number[];
  /** Login name; the uid in digits where the image knows none. */
  readonly name: string;
  readonly homeDirectory: string;
}

/** The two account files of an image, as text; empty where it has none. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly homeDirectory: string;
}

/** Highest id the kernel takes: the next one means "unchanged". */
const MAX_ID = 2 ** 32 - 2;
const NO_HOME = "/";
/** Group of a uid that the image does not know, as with Docker. */
const UNKNOWN_USER_GID = 0;

export function readAccountFiles(): AccountFiles {
  return { passwd: readOrEmpty("/etc/passwd"), group: readOrEmpty("/etc/group") };
}

/**
 * The identity that `spec` means, in the syntax of Docker's USER: `name`, `uid`, `name:group` or `uid:gid`. A name wins over
 * a number of the same spelling; a group that is given leaves no supplementary groups.
 * @throws {AppError} INVALID_ARGUMENT when it names nobody, or root.
 */
export function resolveIdentity(spec: string, files: AccountFiles): Identity {
  const [userPart = "", groupPart, ...rest] = spec.split(":");
  const refuse = (reason: string) => new AppError("INVALID_ARGUMENT", `Cannot run as user "${spec}": ${reason}`);
  if (userPart === "" || groupPart === "" || rest.length > 0) throw refuse("expected name, uid, name:group or uid:gid");
  const user = findUser(userPart, files.passwd);
  if (user === null) throw refuse("the image has no such user");
  if (user.uid === 0) throw refuse("it is root");
  const { uid, name, homeDirectory } = user;
  if (groupPart === undefined) return { ...user, groups: supplementaryGroups(user, files.group) };
  const gid = findGroup(groupPart, files.group);
  if (gid === null) throw refuse("the image has no such group");
  return { uid, gid, groups: [], name, homeDirectory };
}

function findUser(wanted: string, passwd: string): User | null {
  const users = records(passwd).flatMap((fields) => parseUser(fields) ?? []);
  const uid = parseId(wanted);
  const known = users.find((user) => user.name === wanted) ?? users.find((user) => user.uid === uid);
  if (known !== undefined) return known;
  return uid === null ? null : { name: String(uid), uid, gid: UNKNOWN_USER_GID, homeDirectory: NO_HOME };
}

function parseUser([name = "", , uidText = "", gidText = "", , homeDirectory = ""]: readonly string[]): User | null {
  const [uid, gid] = [parseId(uidText), parseId(gidText)];
  if (name === "" || uid === null || gid === null) return null;
  return { name, uid, gid, homeDirectory: homeDirectory || NO_HOME };
}

function findGroup(wanted: string, group: string): number | null {
  const named = records(group).find(([name]) => name === wanted);
  return parseId(named?.[2] ?? wanted);
}

function supplementaryGroups(user: User, group: string): number[] {
  const ids = records(group).flatMap(([, , id = "", members = ""]) =>
    members.split(",").includes(user.name) ? (parseId(id) ?? []) : [],
  );
  return [...new Set(ids)];
}

const records = (text: string): string[][] => text.split("\n").map((line) => line.trim().split(":"));

function parseId(text: string): number | null {
  const id = /^\d{1,10}$/.test(text) ? Number(text) : null;
  return id !== null && id <= MAX_ID ? id : null;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
