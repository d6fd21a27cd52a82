import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { examineCgroups, isSwapCounted } from "./doctor-cgroups.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync("/var/tmp/dormouse-test-cgroups-");
});

afterEach(() => rmSync(root, { recursive: true }));

/** A tree of control groups as a kernel shows it, of the files that are looked at. */
function show(files: Readonly<Record<string, string>>): void {
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), content);
  }
}

const V2 = { "cgroup.controllers": "cpuset cpu io memory pids\n", "system.slice/memory.max": "max\n" };

test("the groups of this host will do", () => {
  expect(examineCgroups()).toMatchObject({ status: "ok" });
});

test("v2 with all that is needed is fine, and counts swap", () => {
  show({ ...V2, "system.slice/memory.swap.max": "max\n" });
  expect(examineCgroups(root)).toMatchObject({ status: "ok", detail: "v2" });
  expect(isSwapCounted(root)).toBe(true);
});

test("v2 whose kernel leaves the memory controller out says so, and how to get it", () => {
  show({ "cgroup.controllers": "cpuset cpu io pids\n" });
  const { status, detail, mend } = examineCgroups(root);
  expect([status, detail]).toEqual(["missing", "v2 without memory"]);
  expect(mend).toContain("cgroup_enable=memory");
});

test("a container's part of v2 is not enough: its groups and its processes would be side by side", () => {
  show({ ...V2, "cgroup.type": "domain\n" });
  expect(examineCgroups(root)).toMatchObject({ status: "missing", detail: expect.stringContaining("container") });
});

test("no groups at all are missing, and a kernel that does not count swap is told from one that does", () => {
  expect(examineCgroups(root)).toMatchObject({ status: "missing" });
  expect(isSwapCounted(root)).toBe(false);
  show(V2);
  expect(isSwapCounted(root)).toBe(false);
});
