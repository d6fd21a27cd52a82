import { expect, test } from "bun:test";
import { createLog } from "./log.ts";

test("no secret reaches the log, wherever in an event it stands", () => {
  const lines: string[] = [];
  const log = createLog({ process: "server", level: "info", destination: { write: (line) => void lines.push(line) } });
  const cause = new Error("connect postgres://dormouse:hunter2@db/x");
  log.error({ event: "store.open", err: new Error("Cannot open: Bearer dm_hunter2hunter2", { cause }) });
  log.info({
    event: "request",
    url: "/x?bl_preview_token=hunter2",
    headers: { cookie: "a=hunter2", password: "hunter2" },
  });
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { process: "server", event: "store.open" },
    { event: "request", url: "/x?bl_preview_token=[redacted]" },
  ]);
  expect(lines.join("")).not.toContain("hunter2");
});

test("an error comes with its code and its causes, and a circle in it hides nothing else", () => {
  const lines: string[] = [];
  const log = createLog({ process: "engine", level: "warn", destination: { write: (line) => void lines.push(line) } });
  const circle: Record<string, unknown> = {};
  circle["again"] = circle;
  const error = Object.assign(new Error("Cannot read", { cause: new Error("ENOENT") }), { code: "EIO", circle });
  log.info({ event: "not of this level" });
  log.error({ event: "record.read", err: error });
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    {
      level: 50,
      process: "engine",
      event: "record.read",
      err: { type: "Error", message: "Cannot read: ENOENT", code: "EIO" },
    },
  ]);
});
