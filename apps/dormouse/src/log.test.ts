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
