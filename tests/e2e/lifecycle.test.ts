import { describe, expect, test } from "bun:test";
import type { SandboxAnswer, SandboxErrorAnswer } from "@dormouse/schema";
import { useDormouse } from "../support/suite.ts";

const suite = useDormouse();

test("F028 POST /sandboxes answers when the sandbox serves: the next request runs a command", async () => {
  const { api } = suite;
  const body = {
    apiVersion: "blaxel.ai/v1alpha1",
    kind: "Sandbox",
    metadata: { name: "first" },
    spec: { runtime: { memory: 4096 }, region: "us-pdx-1" },
  };
  const headers = { "x-blaxel-workspace": "default" };
  const { status, body: created } = await api.call<SandboxAnswer>("POST", "/sandboxes", { body, headers });
  expect(status).toBe(200);
  expect(created).toMatchObject({
    metadata: { name: "first", workspace: "default" },
    status: "DEPLOYED",
    state: "RUNNING",
  });
  expect(created.metadata.url).toBe(api.sandboxUrl("first"));
  expect(await api.run("first", "echo $BL_NAME; hostname; whoami")).toBe("first\nfirst\nroot\n");
  await api.remove("first");
});

test("F131 inside, the API answers on port 8080 without credentials: GET /health, POST /process", async () => {
  const { api } = suite;
  await api.create("inside");
  expect(JSON.parse(await api.run("inside", "curl -sS http://127.0.0.1:8080/health"))).toMatchObject({ status: "ok" });
  const body = JSON.stringify({ name: "workload", command: "echo logged", waitForCompletion: true });
  await api.run("inside", `curl -sS -H 'Content-Type: application/json' -d '${body}' http://127.0.0.1:8080/process`);
  expect(JSON.parse(await api.text("inside", "/process/workload"))).toMatchObject({ status: "completed", exitCode: 0 });
  expect(await api.text("inside", "/process/workload/logs")).toContain("logged");
  await api.remove("inside");
});

test("F003 with the settings nobody changed it is in STANDBY within seconds of its last request", async () => {
  await suite.api.create("default-idle");
  await suite.api.run("default-idle", "true");
  await suite.api.untilState("default-idle", "STANDBY", 10_000);
  await suite.api.remove("default-idle");
});

test("F024 ports take a name, a target and a protocol in any case; HTTP when none is given", async () => {
  const ports = [{ name: "web", target: 3000, protocol: "tcp" }, { target: 3001 }];
  const created = await suite.api.create("ports", { runtime: { ports } });
  const shown = [
    { name: "web", target: 3000, protocol: "TCP" },
    { target: 3001, protocol: "HTTP" },
  ];
  expect(created).toMatchObject({ spec: { runtime: { ports: shown } } });
  await suite.api.remove("ports");
});

test("F027 F033 what is fixed at creation stays: the name and the environment", async () => {
  const { api } = suite;
  await api.create("fixed", { runtime: { envs: [{ name: "A", value: "1" }] } });
  for (const runtime of [{ envs: [{ name: "A", value: "2" }] }, { envs: [] }, { envs: [], memory: 1024 }]) {
    const answer = await api.call<{ message: string }>("PUT", "/sandboxes/fixed", {
      body: { metadata: {}, spec: { runtime } },
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 400, error: "INVALID_ARGUMENT" } });
    expect(answer.body.message).toMatch(/^Cannot change the environment of sandbox "fixed": it is fixed at creation/);
  }
  expect((await api.call("PUT", "/sandboxes/fixed", { body: { metadata: { name: "renamed" } } })).status).toBe(200);
  expect(await api.list()).toEqual(["fixed"]);
  expect(await api.run("fixed", "echo $A")).toBe("1\n");
  await api.remove("fixed");
});

test("get and list show a sandbox until it is deleted; its name is free at once, its files are gone", async () => {
  const { api } = suite;
  await api.create("again");
  expect((await api.get("again")).status).toBe("DEPLOYED");
  expect(await api.list()).toEqual(["again"]);
  for (let round = 0; round < 3; round++) {
    await api.run("again", "test ! -e /root/mark && touch /root/mark");
    await api.remove("again");
    expect((await api.call("GET", "/sandboxes/again")).status).toBe(404);
    expect((await api.fetch("again", "/process")).status).toBe(404);
    expect(suite.sandboxFolders()).toEqual([]);
    await api.create("again");
  }
  await api.remove("again");
  expect(await api.list()).toEqual([]);
});

test("createIfNotExist answers the sandbox there is; without it the name is taken", async () => {
  const { api } = suite;
  const body = { metadata: { name: "one" }, spec: { runtime: { memory: 512 } } };
  const made = await Promise.all(
    Array.from({ length: 10 }, () => api.call<SandboxAnswer>("POST", "/sandboxes?createIfNotExist=true", { body })),
  );
  expect(new Set(made.map(({ status }) => status))).toEqual(new Set([200]));
  expect(new Set(made.map(({ body }) => body.metadata.createdAt)).size).toBe(1);
  expect(suite.sandboxFolders()).toHaveLength(1);
  const taken = await api.call<SandboxErrorAnswer>("POST", "/sandboxes", { body });
  expect(taken).toMatchObject({ status: 409, body: { code: "SANDBOX_ALREADY_EXISTS", sandbox_name: "one" } });
  expect(taken.body.message).toStartWith('Cannot create sandbox "one": the name is taken and its status is DEPLOYED');
  await api.remove("one");
});

test("50 creates at once all succeed, and each of the sandboxes serves", async () => {
  const { api } = suite;
  const names = Array.from({ length: 50 }, (_, index) => `many-${index}`);
  const serve = async (name: string): Promise<string> => {
    await api.create(name, { runtime: { memory: 256 } });
    return api.run(name, "hostname");
  };
  const startedAtMs = performance.now();
  expect(await Promise.all(names.map(serve))).toEqual(names.map((name) => `${name}\n`));
  console.log(`50 sandboxes created and used in ${Math.round(performance.now() - startedAtMs)} ms`);
  expect((await api.list()).toSorted()).toEqual(names.toSorted());
  await api.removeAll();
  expect(suite.sandboxFolders()).toEqual([]);
});

const runtime = (fields: object) => ({ metadata: { name: "bad" }, spec: { runtime: fields } });
const port = (target: unknown) => runtime({ ports: [{ name: "web", target }] });
const named = (name: unknown) => ({ metadata: { name }, spec: {} });

/** F023 F032 F033. What is sent, the code of the answer, and how its sentence goes. */
const BAD_INPUT: readonly (readonly [string, unknown, string, string])[] = [
  [
    "an unknown image",
    runtime({ image: "nowhere" }),
    "INVALID_IMAGE",
    'Cannot use image "nowhere": neither this machine nor workspace "default" has it. Available images: base-image:latest',
  ],
  [
    "a malformed image",
    runtime({ image: "../../etc" }),
    "INVALID_ARGUMENT",
    "Cannot accept spec.runtime.image: expected",
  ],
  [
    "an upper-case name",
    named("Bad"),
    "INVALID_ARGUMENT",
    "Cannot accept metadata.name: expected 1 to 49 lower-case letters",
  ],
  ["a name with a dot", named("a.b"), "INVALID_ARGUMENT", "Cannot accept metadata.name: expected"],
  ["a name with a slash", named("../up"), "INVALID_ARGUMENT", "Cannot accept metadata.name: expected"],
  ["an empty name", named(""), "INVALID_ARGUMENT", "Cannot accept metadata.name: expected"],
  ["a name of 50 letters", named("a".repeat(50)), "INVALID_ARGUMENT", "Cannot accept metadata.name: expected"],
  ["a name that is a number", named(7), "INVALID_ARGUMENT", "Cannot accept metadata.name: "],
  [
    "a display name of 64 letters",
    { metadata: { displayName: "a".repeat(64) } },
    "INVALID_ARGUMENT",
    "Cannot accept metadata.displayName: ",
  ],
  [
    "an external id of 65 letters",
    { metadata: { externalId: "a".repeat(65) } },
    "INVALID_ARGUMENT",
    "Cannot accept metadata.externalId: ",
  ],
  ["port 80", port(80), "INVALID_ARGUMENT", "Cannot accept spec.runtime.ports.0.target: port 80 is reserved"],
  ["port 443", port(443), "INVALID_ARGUMENT", "Cannot accept spec.runtime.ports.0.target: port 443 is reserved"],
  ["port 8080", port(8080), "INVALID_ARGUMENT", "Cannot accept spec.runtime.ports.0.target: port 8080 is reserved"],
  ["port 0", port(0), "INVALID_ARGUMENT", "Cannot accept spec.runtime.ports.0.target: "],
  ["port 65536", port(65_536), "INVALID_ARGUMENT", "Cannot accept spec.runtime.ports.0.target: "],
  ["too little memory", runtime({ memory: 1 }), "INVALID_ARGUMENT", "Cannot accept spec.runtime.memory: "],
  ["memory as text", runtime({ memory: "4GB" }), "INVALID_ARGUMENT", "Cannot accept spec.runtime.memory: "],
  [
    "more memory than there is",
    runtime({ memory: 10_000_000 }),
    "INVALID_ARGUMENT",
    "Cannot give a sandbox 10000000 MB of memory: this machine offers ",
  ],
  [
    "an environment variable without a name",
    runtime({ envs: [{ name: "", value: "x" }] }),
    "INVALID_ARGUMENT",
    "Cannot accept spec.runtime.envs.0.name: ",
  ],
  ["malformed JSON", '{"metadata":', "INVALID_ARGUMENT", "Cannot accept the request body: it is not valid JSON"],
  ["an empty body", "", "INVALID_ARGUMENT", "Cannot accept the request body: it is not valid JSON"],
  ["a JSON array", [], "INVALID_ARGUMENT", "Cannot accept the request body: "],
];

describe("bad input is refused with 400, a code and a sentence, and nothing is half-created", () => {
  test.each(BAD_INPUT.map((row) => [...row] as const))("%s", async (_what, body, code, sentence) => {
    const { status, body: answer } = await suite.api.call<SandboxErrorAnswer>("POST", "/sandboxes", { body });
    expect(answer).toMatchObject({ code, status_code: 400, workspace: "default" });
    expect(answer.message).toStartWith(sentence);
    expect(status).toBe(400);
    expect(suite.sandboxFolders()).toEqual([]);
    expect(await suite.api.list()).toEqual([]);
  });
});

describe("F261 F087 requests without the right key or workspace are refused before anything happens", () => {
  const cases = [
    {
      what: "no key",
      headers: { authorization: "" },
      answer: { status: 401, body: { code: 401, error: "UNAUTHENTICATED" } },
      sentence: "Cannot authenticate the request: it carries no API key",
    },
    {
      what: "a wrong key",
      headers: { authorization: "Bearer dm_wrong" },
      answer: { status: 401, body: { code: 401, error: "UNAUTHENTICATED" } },
      sentence: "Cannot authenticate the request",
    },
    {
      what: "another workspace",
      headers: { "x-blaxel-workspace": "other" },
      answer: { status: 403, body: { code: 403, error: "FORBIDDEN" } },
      sentence: 'Cannot use workspace "other": the API key does not belong to it',
    },
  ];
  test.each(cases)("$what", async ({ headers, answer, sentence }) => {
    for (const [method, path] of [
      ["POST", "/sandboxes"],
      ["GET", "/sandboxes"],
      ["DELETE", "/sandboxes/bad"],
    ] as const) {
      const request = { headers, ...(method === "POST" && { body: named("bad") }) };
      const refused = await suite.api.call<{ message: string }>(method, path, request);
      expect(refused).toMatchObject(answer);
      expect(refused.body.message).toStartWith(sentence);
    }
    expect(await suite.api.list()).toEqual([]);
  });

  test("the sandbox URL tells a stranger nothing about which names exist", async () => {
    await suite.api.create("secret-name");
    for (const name of ["secret-name", "no-such-name"]) {
      const answer = await suite.api.fetch(name, "/process", { headers: { authorization: "Bearer dm_wrong" } });
      expect(answer.status).toBe(401);
      expect(await answer.text()).not.toContain(name);
    }
    await suite.api.remove("secret-name");
  });
});

test("what does not exist is 404, with numeric code and a sentence, in every route", async () => {
  const { api } = suite;
  await api.create("there");
  const cases = [
    ["GET", "/sandboxes/nobody", "SANDBOX_NOT_FOUND", 'Cannot find sandbox "nobody"'],
    ["DELETE", "/sandboxes/nobody", "SANDBOX_NOT_FOUND", 'Cannot find sandbox "nobody"'],
    ["PUT", "/sandboxes/nobody", "SANDBOX_NOT_FOUND", 'Cannot find sandbox "nobody"'],
    ["GET", "/sandboxes/nobody/previews", "SANDBOX_NOT_FOUND", 'Cannot find sandbox "nobody"'],
    ["GET", "/sandboxes/there/previews/none", "PREVIEW_NOT_FOUND", 'Cannot find preview "none"'],
    ["DELETE", "/sandboxes/there/previews/none", "PREVIEW_NOT_FOUND", 'Cannot find preview "none"'],
    ["GET", "/sandboxes/there/previews/none/tokens", "PREVIEW_NOT_FOUND", 'Cannot find preview "none"'],
    ["GET", "/nothing", "ROUTE_NOT_FOUND", "Cannot answer GET /v0/nothing"],
  ] as const;
  for (const [method, path, error, sentence] of cases) {
    const answer = await api.call<{ message: string }>(method, path, method === "PUT" ? { body: {} } : {});
    expect(answer).toMatchObject({ status: 404, body: { code: 404, error } });
    expect(answer.body.message).toStartWith(sentence);
  }
  await api.remove("there");
});
