import { expect, test } from "bun:test";
import { eventLine, EventLines } from "./event-lines.ts";

test("of lines that wait for a slow client only writes that repeat the line before are left out", async () => {
  const lines = new EventLines();
  const events = ["WRITE /a", "WRITE /a", "WRITE /b", "WRITE /a", "CHMOD /a", "CHMOD /a", "CREATE /d/a", "WRITE /d/a"];
  for (const event of events) {
    const [op = "", path = ""] = event.split(" ");
    expect(lines.push(eventLine(op, path))).toBe(true);
  }
  lines.end();
  const taken = (await Array.fromAsync(lines.take())).join("");
  const expected = events
    .filter((_, index) => index !== 1)
    .map((event) => eventLine(...(event.split(" ") as [string, string])));
  expect(taken).toBe(expected.join(""));
});

test("names are shown as JSON whatever is in them", () => {
  expect(eventLine("CREATE", '/d"/a\nb')).toBe('{"op":"CREATE","name":"a\\nb","path":"/d\\"","error":null}\n');
  expect(eventLine("CREATE", "/a")).toBe('{"op":"CREATE","name":"a","path":"/","error":null}\n');
});
