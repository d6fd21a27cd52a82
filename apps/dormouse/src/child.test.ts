import { expect, test } from "bun:test";
import { startChild } from "./child.ts";

const startShell = (script: string, input: string) =>
  startChild({ name: "shell", command: ["/bin/sh", "-c", script], env: {}, input });

test("a process reads what it is given at its start and later", async () => {
  const child = await startShell('read first; echo "ready $first" >&3; read second; test "$second" = two', "one\n");
  expect(child.report).toBe("one");
  child.send("two\n");
  expect(await child.exited).toBe(0);
});

test("what is sent to one that reads no more, or has ended, is lost and harms nobody", async () => {
  const child = await startShell('exec <&-; echo "ready" >&3; exec 3>&-; sleep 30', "unread\n");
  const moreThanAPipeHolds = "x".repeat(200_000);
  child.send(moreThanAPipeHolds);
  await child.stop();
  child.send(moreThanAPipeHolds);
});
