import { expect, test } from "bun:test";
import { AppError } from "@dormouse/kernel";
import { parseProjectFile, PROJECT_FILE_SAMPLE } from "./blaxel-toml.ts";

const NOTHING = { env: {}, secrets: {} };

test("F076: the file of a sandbox, with keys of other programs beside", () => {
  const { project } = parseProjectFile(
    `name = "mytemplate"
type = "sandbox"
description = "Full-stack development environment"
owner = { team = "x" }
[runtime]
generation = "mk3"
memory = 8192 # 8GB RAM
[[runtime.ports]]
name = "dev-server"
target = 3000
protocol = "tcp"
[env]
NODE_ENV = "development"
PORT = 3000
[build]
slim = true
[build.args]
VERSION = 22`,
    NOTHING,
  );
  expect(project).toMatchObject({
    name: "mytemplate",
    type: "sandbox",
    runtime: { generation: "mk3", memory: 8192, ports: [{ name: "dev-server", target: 3000, protocol: "tcp" }] },
    env: { NODE_ENV: "development", PORT: "3000" },
    build: { args: { VERSION: "22" } },
  });
});

test("names and values come from the environment and from secrets", () => {
  const { project, unresolved } = parseProjectFile(
    'name = "${APP:web}-$STAGE"\n[env]\nTOKEN = "$secrets.TOKEN"\nPRICE = "5$ or $STAGE"\nOPEN = "$NOBODY"',
    { env: { STAGE: "dev" }, secrets: { TOKEN: "t0k" } },
  );
  expect(project.name).toBe("web-dev");
  expect(project.env).toEqual({ TOKEN: "t0k", PRICE: "5$ or $STAGE", OPEN: "$NOBODY" });
  expect(unresolved).toEqual(["NOBODY"]);
});

test("the sample that errors show is one we read", () => {
  expect(parseProjectFile(PROJECT_FILE_SAMPLE, NOTHING).project.volumes).toEqual([
    { name: "data", mountPath: "/data" },
  ]);
});

test("what is wrong is shown with its line", () => {
  const error = failureOf('name = "a"\nports = [1,\ntype = "sandbox"');
  expect(error.message).toStartWith("Cannot read blaxel.toml: line 3, column 1");
  expect(error.message).toContain('3:  type = "sandbox"');
  expect(error.hint).toContain("[[runtime.ports]]");
});

test("a value of the wrong kind is named by its key", () => {
  expect(failureOf('[runtime]\nmemory = "4 GB"').message).toContain("runtime.memory");
});

function failureOf(text: string): AppError {
  try {
    parseProjectFile(text, NOTHING);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("it was read");
}
