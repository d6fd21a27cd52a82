import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import { Claims } from "../claims.ts";
import { ID_COUNT } from "../user-namespace.ts";
import { type HostUsers, IdRanges } from "./id-ranges.ts";

const dir = mkdtempSync(join(tmpdir(), "dormouse-ids-"));

afterAll(() => rmSync(dir, { recursive: true, force: true }));

const newClaims = (): Claims => new Claims(mkdtempSync(join(dir, "claims-")));

test("no two engines have a range in common, an engine finds its own again, and those it gives back are free", () => {
  const claims = newClaims();
  const [one, other] = [new IdRanges(claims, "/data/one"), new IdRanges(claims, "/data/other")];
  const ofOne = [one.claimMore(), one.claimMore()].flat();
  const ofOther = new Set(other.claimMore());
  expect(new Set(ofOne).isDisjointFrom(ofOther)).toBe(true);
  expect(new Set(new IdRanges(claims, "/data/one").own())).toEqual(new Set(ofOne));
  one.release();
  expect(one.own()).toEqual([]);
  expect(other.claimMore()).toEqual(ofOne.slice(0, ofOne.length / 2));
});

test("there are ranges for more than 15,000 sandboxes, all apart and below the ids that signed numbers cannot hold", () => {
  const all = allRanges({ reservationFiles: [], nameServicesFile: "/dev/null" });
  expect(all.length).toBeGreaterThan(15_000);
  expect(new Set(all.map((first) => Math.floor(first / ID_COUNT))).size).toBe(all.length);
  expect(Math.max(...all) + ID_COUNT).toBeLessThan(2 ** 31);
});

test("a host whose users come from a directory has ranges for more than 2000, above those of such users", () => {
  const nameServicesFile = join(dir, "nsswitch.conf");
  writeFileSync(nameServicesFile, "passwd:         files sss systemd\ngroup: files\n");
  const all = allRanges({ reservationFiles: [], nameServicesFile });
  expect(all.length).toBeGreaterThan(2100);
  expect(Math.min(...all)).toBeGreaterThan(2_000_200_000);
});

test("ids that the host gives to users of its own are left to them", () => {
  const [taken = 0, , free] = new IdRanges(newClaims(), "/data/before").claimMore();
  const file = join(dir, "subuid");
  writeFileSync(file, `someone:100000:65536\nother:${taken + 10}:${ID_COUNT}\nbroken\n`);
  const ranges = new IdRanges(newClaims(), "/data/after", {
    reservationFiles: [file],
    nameServicesFile: "/dev/null",
  });
  expect(ranges.claimMore()[0]).toBe(free as number);
  expect(ranges.own()).toContain(free as number);
});

/** Until there are no more. */
function allRanges(hostUsers: HostUsers): number[] {
  const ranges = new IdRanges(newClaims(), "/data/all", hostUsers);
  const all: number[] = [];
  const error = failureOf(() => {
    for (;;) all.push(...ranges.claimMore());
  });
  expect(error).toMatchObject({ code: "HOST_FULL" });
  return all;
}

function failureOf(call: () => void): AppError {
  try {
    call();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}
