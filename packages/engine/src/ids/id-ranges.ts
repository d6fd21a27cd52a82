import { AppError } from "@dormouse/kernel";
import type { Claims } from "../claims.ts";
import { readOrEmpty } from "../read-or-empty.ts";
import { ID_COUNT } from "../user-namespace.ts";

/*
 * Where the ids of sandboxes lie (decision 0037): above what directories of users (SSSD, FreeIPA) give out by default, which ends at
 * 2,000,200,000, and below what systemd keeps for itself, from 0x7ffe0000. Beyond 2^31 some of the kernel has no ids: the range of
 * groups that may ping, for one. Source: systemd, "Users, Groups, UIDs and GIDs on systemd Systems".
 */
export const FIRST_ID = 0x7740_0000;
const BLOCK_COUNT = 69;
const RANGES_PER_BLOCK = 32;
export const LAST_ID = FIRST_ID + BLOCK_COUNT * RANGES_PER_BLOCK * ID_COUNT - 1;

/** Files that give ids to other users, one `name:first:count` a line (subuid(5)). */
const RESERVATION_FILES = ["/etc/subuid", "/etc/subgid"];

interface Reservation {
  readonly firstId: number;
  readonly count: number;
}

/** Ranges of `ID_COUNT` ids, each known by its first, that no other engine on this machine has. They are claimed in blocks. */
export class IdRanges {
  readonly #claims: Claims;
  readonly #owner: string;
  readonly #reservationFiles: readonly string[];

  constructor(claims: Claims, dataDir: string, reservationFiles: readonly string[] = RESERVATION_FILES) {
    this.#claims = claims;
    this.#owner = dataDir;
    this.#reservationFiles = reservationFiles;
  }

  /** All it has claimed. */
  own(): number[] {
    const reserved = readReservations(this.#reservationFiles);
    return this.#claims.of(this.#owner).flatMap((block) => rangesOf(block, reserved));
  }

  /** Ranges it had not before. @throws HOST_FULL when there are none left */
  claimMore(): number[] {
    const reserved = readReservations(this.#reservationFiles);
    const taken = new Set(this.#claims.all().map(({ number }) => number));
    for (let block = 0; block < BLOCK_COUNT; block++) {
      const ranges = taken.has(block) ? [] : rangesOf(block, reserved);
      if (ranges.length > 0 && this.#claims.take(block, this.#owner)) return ranges;
    }
    throw new AppError("HOST_FULL", "Cannot give a sandbox user ids of its own: this machine has none left", {
      hint: `Delete sandboxes, or see who has the ids from ${FIRST_ID} to ${LAST_ID} in ${this.#reservationFiles.join(" and ")}`,
    });
  }

  /** Nothing may have any of them any more. */
  release(): void {
    for (const block of this.#claims.of(this.#owner)) this.#claims.release(block);
  }
}

/** How many sandboxes this machine has ids for, those of all engines together. */
export function countIdRanges(): number {
  const reserved = readReservations(RESERVATION_FILES);
  return Array.from({ length: BLOCK_COUNT }, (_, block) => rangesOf(block, reserved)).flat().length;
}

function rangesOf(block: number, reserved: readonly Reservation[]): number[] {
  const firstOfBlock = FIRST_ID + block * RANGES_PER_BLOCK * ID_COUNT;
  const ranges = Array.from({ length: RANGES_PER_BLOCK }, (_, index) => firstOfBlock + index * ID_COUNT);
  return ranges.filter(
    (range) => !reserved.some(({ firstId, count }) => firstId < range + ID_COUNT && firstId + count > range),
  );
}

function readReservations(files: readonly string[]): Reservation[] {
  return files
    .flatMap((file) => readOrEmpty(file).split("\n"))
    .map((line) => line.split(":"))
    .map(([, firstId, count]) => ({ firstId: Number(firstId), count: Number(count) }));
}
