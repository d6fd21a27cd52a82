import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readOrEmpty } from "./read-or-empty.ts";

export interface Claim {
  readonly number: number;
  /** Data folder of the engine. */
  readonly owner: string;
}

/** Numbers of which each is one engine's at most: a file of that name, which says whose. A reboot ends all claims. */
export class Claims {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  all(): Claim[] {
    mkdirSync(this.dir, { recursive: true });
    return readdirSync(this.dir).flatMap((name) => {
      const owner = readOrEmpty(join(this.dir, name));
      /* Given back meanwhile, or just being taken. */
      return owner === "" ? [] : [{ number: Number(name), owner }];
    });
  }

  of(owner: string): number[] {
    return this.all().flatMap((claim) => (claim.owner === owner ? [claim.number] : []));
  }

  /** False when it is somebody's. */
  take(number: number, owner: string): boolean {
    try {
      writeFileSync(join(this.dir, String(number)), owner, { flag: "wx" });
      return true;
    } catch {
      return false;
    }
  }

  release(number: number): void {
    rmSync(join(this.dir, String(number)), { force: true });
  }
}
