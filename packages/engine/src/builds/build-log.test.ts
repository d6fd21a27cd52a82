import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BuildLog, readLog } from "./build-log.ts";

class Place implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), "dormouse-log-"));
  readonly file = join(this.dir, "log");

  open(options: { readonly maxBytes?: number; readonly hidden?: readonly string[] } = {}): BuildLog {
    return new BuildLog({ file: this.file, maxBytes: 10_000, hidden: [], ...options });
  }

  get lines(): string[] {
    const lines = readFileSync(this.file, "utf8").trimEnd().split("\n");
    return lines.map((line) => line.replace(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /, ""));
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true });
  }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("each line has its time; parts of a line and of a character are put together", () => {
  using place = new Place();
  using log = place.open();
  const output = bytes("STEP 1/2: größe\n10%\r50%\r100%\r\nlast");
  for (const byte of output) log.write(Uint8Array.of(byte));
  log[Symbol.dispose]();
  expect(place.lines).toEqual(["STEP 1/2: größe", "100%", "last"]);
  expect(log.tail).toEqual(place.lines);
});

test("hidden values are not written, and what is too short to hide is", () => {
  using place = new Place();
  using log = place.open({ hidden: ["se$cret", "se$cret-longer", "abc", "two\nlines"] });
  log.line("a se$cret and se$cret-longer, abc, lines");
  expect(place.lines).toEqual(["a *** and ***, abc, ***"]);
  expect(log.tail).toEqual(place.lines);
});

test("a full log says so once, and its last lines are still known", () => {
  using place = new Place();
  using log = place.open({ maxBytes: 100 });
  for (let count = 1; count <= 50; count += 1) log.line(`line ${count}`);
  expect(place.lines).toEqual(["line 1", "line 2", "line 3", "The rest is left out: the log has 100 bytes"]);
  expect(log.tail.at(-1)).toBe("line 50");
});

test("a follower gets what is there, then each line as it comes, and the end", async () => {
  using place = new Place();
  using log = place.open();
  log.line("one");
  const reader = readLog(place.file, 25, log).getReader();
  expect(Buffer.from((await reader.read()).value ?? "").toString()).toBe("one\n");
  const next = reader.read();
  log.line("two");
  expect(Buffer.from((await next).value ?? "").toString()).toEndWith(" two\n");
  const end = reader.read();
  log[Symbol.dispose]();
  expect((await end).done).toBe(true);
  expect(await new Response(readLog(place.file, 0)).text()).toBe(readFileSync(place.file, "utf8"));
});
