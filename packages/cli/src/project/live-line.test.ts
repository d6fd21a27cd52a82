import { expect, test } from "bun:test";
import type { Io } from "../io.ts";
import { LiveLine } from "./live-line.ts";

/** As much of the world as a line needs. */
function screen(isTerminal: boolean) {
  const written: string[] = [];
  const io = {
    isTty: { stdin: isTerminal, stdout: isTerminal, stderr: isTerminal },
    terminalSize: () => (isTerminal ? { columns: 20, rows: 5 } : undefined),
    stdout: { write: (text: string) => written.push(text) },
  } as unknown as Io;
  return { live: new LiveLine(io), text: () => written.join("") };
}

const ERASE = "\r\u001B[2K";

test("on a terminal the line is below what is printed, never wider than it, and goes away", () => {
  const { live, text } = screen(true);
  live.show("Uploading 1 of 2 megabytes", true);
  live.print("a line of the log");
  live.clear();
  const shown = `${ERASE}Uploading 1 of 2 m…`;
  expect(text()).toBe(`${shown}${ERASE}a line of the log\n${shown}${ERASE}`);
});

test("elsewhere only what is printed is there", () => {
  const { live, text } = screen(false);
  live.show("Uploading", true);
  live.print("a line of the log");
  live.clear();
  expect(text()).toBe("a line of the log\n");
});
