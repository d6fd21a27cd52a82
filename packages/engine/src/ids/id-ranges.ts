import { AppError } from "@dormouse/kernel";
import type { Claims } from "../claims.ts";
import { readOrEmpty } from "../read-or-empty.ts";
import { ID_COUNT } from "../user-namespace.ts";

/*
 * Where the ids of sandboxes lie (decision 0037). First above what directories of users (SSSD, FreeIPA) give out by default, which
 * ends at 2,000,200,000, and below what systemd keeps for itself, from 0x7ffe0000: beyond 2^31 some of the kernel has no ids, such as
 * the range of groups that may ping. Once those are used up, on hosts without such a directory, downwards from the end of the
 * ids meant for containers, at 0x70000000. Source: systemd, "Users, Groups, UIDs and GIDs on systemd Systems".
 */
export const FIRST_ID = 0x7740_0000;
const RANGES_PER_BLOCK = 32;
const BLOCK_SIZE = RANGES_PER_BLOCK * ID_COUNT;
const BLOCK_COUNT = 69;
export const LAST_ID = FIRST_ID + BLOCK_COUNT * BLOCK_SIZE - 1;
const CONTAINER_IDS_END = 0x7000_0000;
const CONTAINER_BLOCK_COUNT = 400;

/** Files that give ids to other users, one `name:first:count` a line (subuid(5)). */
const RESERVATION_FILES = ["/etc/subuid", "/etc/subgid"];

/** Says where users come from (nsswitch.conf(5)). */
const NAME_SERVICES_FILE = "/etc/nsswitch.conf";
const DIRECTORY = /^passwd:.*\b(sss|ldap|winbind|nis)\b/m;

/** Files of a host that say which ids are somebody's. */
export interface HostUsers {
  readonly reservationFiles: readonly string[];
  readonly nameServicesFile: string;
}

const HOST_USERS: HostUsers = { reservationFiles: RESERVATION_FILES, nameServicesFile: NAME_SERVICES_FILE };

interface Reservation {
  readonly firstId: number;
  readonly count: number;
}

/** Ranges of `ID_COUNT` ids, each known by its first, that no other engine on this machine has. They are claimed in blocks. */
export class IdRanges {
  readonly #claims: Claims;
  readonly #owner: string;
  readonly #hostUsers: HostUsers;

  constructor(claims: Claims, dataDir: string, hostUsers = HOST_USERS) {
    this.#claims = claims;
    this.#owner = dataDir;
    this.#hostUsers = hostUsers;
  }

  /** All it has claimed. */
  own(): number[] {
    const reserved = readReservations(this.#hostUsers);
    return this.#claims.of(this.#owner).flatMap((block) => rangesOf(block, reserved));
  }

  /** Ranges it had not before. @throws HOST_FULL when there are none left */
  claimMore(): number[] {
    const reserved = readReservations(this.#hostUsers);
    const taken = new Set(this.#claims.all().map(({ number }) => number));
    for (let block = 0; block < blockCount(this.#hostUsers); block++) {
      const ranges = taken.has(block) ? [] : rangesOf(block, reserved);
      if (ranges.length > 0 && this.#claims.take(block, this.#owner)) return ranges;
    }
    throw new AppError("HOST_FULL", "Cannot give a sandbox user ids of its own: this machine has none left", {
      hint: `Delete sandboxes, or see who has the ids of containers in ${this.#hostUsers.reservationFiles.join(" and ")}`,
    });
  }

  /** Nothing may have any of them any more. */
  release(): void {
    for (const block of this.#claims.of(this.#owner)) this.#claims.release(block);
  }
}

/** How many sandboxes this machine has ids for, those of all engines together. */
export function countIdRanges(): number {
  const reserved = readReservations(HOST_USERS);
  return Array.from({ length: blockCount(HOST_USERS) }, (_, block) => rangesOf(block, reserved)).flat().length;
}

const blockCount = ({ nameServicesFile }: HostUsers): number =>
  DIRECTORY.test(readOrEmpty(nameServicesFile)) ? BLOCK_COUNT : BLOCK_COUNT + CONTAINER_BLOCK_COUNT;

const firstIdOf = (block: number): number =>
  block < BLOCK_COUNT ? FIRST_ID + block * BLOCK_SIZE : CONTAINER_IDS_END - (block - BLOCK_COUNT + 1) * BLOCK_SIZE;

function rangesOf(block: number, reserved: readonly Reservation[]): number[] {
  const ranges = Array.from({ length: RANGES_PER_BLOCK }, (_, index) => firstIdOf(block) + index * ID_COUNT);
  return ranges.filter(
    (range) => !reserved.some(({ firstId, count }) => firstId < range + ID_COUNT && firstId + count > range),
  );
}

function readReservations({ reservationFiles }: HostUsers): Reservation[] {
  return reservationFiles
    .flatMap((file) => readOrEmpty(file).split("\n"))
    .map((line) => line.split(":"))
    .map(([, firstId, count]) => ({ firstId: Number(firstId), count: Number(count) }));
}
