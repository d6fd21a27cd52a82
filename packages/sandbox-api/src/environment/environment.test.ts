import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestAgent } from "../testing/agent.ts";
import { Environment } from "./environment.ts";
import { withHostname } from "./hostname.ts";
import { withOverflow } from "./overflow.ts";

/** A file that is gone after the test. */
function temporaryFile(content: string | Uint8Array): { readonly path: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), "environment-test-"));
  const path = join(folder, "file");
  writeFileSync(path, content);
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

test("a reload sets variables for processes started afterwards, and unsets what only an earlier one set (R-03)", async () => {
  using file = temporaryFile('{"generation":1,"environment":{"A":"1","B":"x y\\n=\\"ü"}}');
  await using agent = startTestAgent({ BL_METADATA_PATH: file.path, KEPT: "k", B: "before" });
  const reload = async () => {
    const response = await agent.request("/environment/reload", { method: "POST" });
    return [response.status, await response.json()];
  };
  const seen = async () => (await agent.exec({ command: 'echo "$A|$B|$KEPT"', waitForCompletion: true })).stdout;
  expect(await seen()).toBe("|before|k\n");
  const running = await agent.exec({ command: 'while [ ! -e go ]; do sleep 0.01; done; echo "$A"' });
  expect(await reload()).toEqual([200, { generation: 1, applied: 2, removed: 0 }]);
  expect(await seen()).toBe('1|x y\n="ü|k\n');
  writeFileSync(file.path, '{"generation":2,"environment":{"A":"2"}}');
  expect(await reload()).toEqual([200, { generation: 2, applied: 1, removed: 1 }]);
  expect((await agent.exec({ command: 'echo "$A|${B-unset}"', waitForCompletion: true })).stdout).toBe("2|unset\n");
  writeFileSync(join(agent.folder, "go"), "");
  const logs = await agent.request(`/process/${running.pid}/logs/stream`);
  expect((await logs.text()).replaceAll("[keepalive]\n", "")).toBe("stdout:\n");
});

test("a reload without a document is a 404, with a broken one a 500, and changes nothing either way", async () => {
  using file = temporaryFile("{}");
  await using agent = startTestAgent({ BL_METADATA_PATH: file.path, A: "1" });
  const reload = () => agent.request("/environment/reload", { method: "POST" });
  for (const bad of ["", "{", "null", "[]", "{}", '{"environment":[]}', '{"environment":{"A":2}}']) {
    writeFileSync(file.path, bad);
    const response = await reload();
    expect([response.status, await response.json()]).toEqual([
      500,
      { error: expect.stringContaining("Cannot reload") },
    ]);
  }
  rmSync(file.path);
  expect((await reload()).status).toBe(404);
  expect((await agent.exec({ command: "echo $A", waitForCompletion: true })).stdout).toBe("1\n");
});

test("names that no process can be given, and the platform's own, are left out", async () => {
  using file = temporaryFile(
    '{"environment":{"":"x","A=B":"x","N\\u0000":"x","V":"a\\u0000b","DORMOUSE_X":"x","OK":"1"}}',
  );
  await using agent = startTestAgent({ BL_METADATA_PATH: file.path });
  const answer = await (await agent.request("/environment/reload", { method: "POST" })).json();
  expect(answer).toEqual({ generation: 0, applied: 1, removed: 0 });
  expect((await agent.exec({ command: "env | grep -c DORMOUSE; echo $OK", waitForCompletion: true })).stdout).toBe(
    "0\n1\n",
  );
});

test("what one reload has replaced, a later one without it takes away", () => {
  const environment = new Environment({ A: "base" });
  environment.apply({ generation: 1, variables: { A: "reloaded" } });
  environment.apply({ generation: 2, variables: {} });
  expect(environment.variables).toEqual({});
});

test("variables of the overflow file join those that exist and never replace them (R-05)", () => {
  const long = `"quotes" 'and' = \n${"ü".repeat(4000)}`;
  using file = temporaryFile(`LONG\0${long}\0KEPT\0file\0EMPTY\0\0=BAD\0x\0\0no name\0LAST\0end`);
  const complaints: string[] = [];
  const env = withOverflow({ BL_ENV_VAR_PATH: file.path, KEPT: "own" }, (sentence) => complaints.push(sentence));
  expect(env).toEqual({ BL_ENV_VAR_PATH: file.path, KEPT: "own", LONG: long, EMPTY: "", LAST: "end" });
  expect(complaints).toEqual([]);
});

test("an overflow file that is not there or holds no pairs is complained of; an empty one is not", () => {
  using empty = temporaryFile("");
  using shapeless = temporaryFile("KEY=VALUE\n");
  const complaintsOf = (path: string): string[] => {
    const complaints: string[] = [];
    expect(withOverflow({ BL_ENV_VAR_PATH: path }, (sentence) => complaints.push(sentence))).toEqual({
      BL_ENV_VAR_PATH: path,
    });
    return complaints;
  };
  expect(complaintsOf(empty.path)).toEqual([]);
  expect(complaintsOf(shapeless.path)).toEqual([expect.stringContaining("holds no KEY\\0VALUE\\0 pairs")]);
  expect(complaintsOf(`${empty.path}/none`)).toEqual([expect.stringContaining("Cannot read the variables")]);
});

test("a machine that has a name keeps it (R-13)", () => {
  const env = { BL_NAME: "mine" };
  expect(withHostname(env)).toBe(env);
});
