import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BL, BlUser } from "../support/bl.ts";
import { openTerminal } from "../support/terminal.ts";

test("new on a terminal asks what is missing", async () => {
  using user = new BlUser();
  await using terminal = await openTerminal({ env: user.environment({ CI: "" }), cwd: user.home });
  await terminal.line(`${BL} new; echo ended with $?`);
  await terminal.sees(/What do you want to create\?/);
  await terminal.press("Enter");
  await terminal.sees(/Which template\?/);
  await terminal.press("Down", "Enter");
  await terminal.sees(/In which folder\?/);
  await terminal.line("my-project");
  await terminal.sees(/Your sandbox has been created successfully![^]*ended with 0/);
  expect(readFileSync(join(user.home, "my-project/Dockerfile"), "utf8")).toStartWith("FROM python:");
});

test("new that is left at a question writes nothing, and has not failed", async () => {
  using user = new BlUser();
  await using terminal = await openTerminal({ env: user.environment({ CI: "" }), cwd: user.home });
  await terminal.line(`${BL} new sandbox other; echo ended with $?`);
  await terminal.sees(/Which template\?/);
  await terminal.press("C-c");
  await terminal.sees(/^ended with 0$/m);
  expect(existsSync(join(user.home, "other"))).toBe(false);
});
