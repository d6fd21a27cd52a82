import { expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readHub } from "./hub.ts";
import { CHECKOUT } from "./installation.ts";

function collectingLog() {
  const events: Readonly<Record<string, unknown>>[] = [];
  const note = (event: Readonly<Record<string, unknown>>) => void events.push(event);
  return { events, info: note, warn: note, error: note };
}

test("every recipe of ours says what the hub is to show of it", () => {
  const log = collectingLog();
  const hub = readHub(CHECKOUT.recipesDir, log);
  expect(log.events).toEqual([]);
  const recipes = readdirSync(CHECKOUT.recipesDir).filter((name) =>
    existsSync(join(CHECKOUT.recipesDir, name, "build.sh")),
  );
  expect(hub.map(({ name }): string => name)).toEqual(recipes.toSorted());
});

test("a recipe that says nothing, or says it wrong, is left out", () => {
  const dir = mkdtempSync(join(tmpdir(), "dormouse-hub-"));
  try {
    for (const name of ["good", "silent", "torn", "vague"]) mkdirSync(join(dir, name));
    const said = { displayName: "Good", description: "It is good", memory: 512 };
    writeFileSync(join(dir, "good/hub.json"), JSON.stringify(said));
    writeFileSync(join(dir, "torn/hub.json"), '{"displayName":');
    writeFileSync(join(dir, "vague/hub.json"), JSON.stringify({ ...said, memory: "much" }));
    const log = collectingLog();
    expect(readHub(dir, log)).toMatchObject([{ ...said, name: "good", ports: [], hidden: false }]);
    expect(log.events.map(({ file }) => file)).toEqual([join(dir, "torn/hub.json"), join(dir, "vague/hub.json")]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
