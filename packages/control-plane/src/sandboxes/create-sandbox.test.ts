import { expect, test } from "bun:test";
import { AppError } from "@dormouse/kernel";
import { SandboxId } from "@dormouse/schema";
import { MemoryEngine } from "../../testkit/memory-engine.ts";
import { startServer, type Answer, type TestServer } from "../../testkit/server.ts";

const reuse = (server: TestServer, name: string, spec: unknown = {}): Promise<Answer> =>
  server.call("POST", "/sandboxes?createIfNotExist=true", { metadata: { name }, spec });

test("a sandbox is created with the documented defaults and answers where to reach it", async () => {
  await using server = await startServer();
  const { status, body } = await server.create("plain");
  expect(status).toBe(200);
  expect(body).toMatchObject({
    metadata: {
      name: "plain",
      workspace: "default",
      url: "http://localhost:4000/run/default/sandboxes/plain",
      labels: {},
    },
    spec: { runtime: { image: "blaxel/base-image:latest", memory: 4096, generation: "mk3" } },
    status: "DEPLOYED",
    state: "RUNNING",
    events: [{ status: "DEPLOYING" }, { status: "DEPLOYED" }],
  });
  expect((body as { spec: object }).spec).not.toHaveProperty("region");
});

test("what was asked for is echoed", async () => {
  await using server = await startServer();
  const answer = await server.call("POST", "/sandboxes", {
    apiVersion: "blaxel.ai/v1alpha1",
    kind: "Sandbox",
    metadata: { name: "asked", displayName: "Asked", externalId: "ext-1", labels: { team: "a" } },
    spec: {
      runtime: {
        image: "blaxel/nextjs:latest",
        memory: 2048,
        ports: [{ name: "web", target: 3000, protocol: "tcp" }, { target: 3001 }],
        envs: [{ name: "A", value: "1" }],
        ttl: "24h",
        expires: "2030-01-01T00:00:00.000Z",
        extraArgs: { iptables: "disabled" },
      },
      lifecycle: { expirationPolicies: [{ type: "ttl-idle", value: "1h", action: "delete" }] },
      network: {},
      volumes: [],
    },
    h2Session: null,
  });
  expect(answer).toMatchObject({
    status: 200,
    body: {
      metadata: { displayName: "Asked", externalId: "ext-1", labels: { team: "a" } },
      spec: {
        runtime: {
          image: "blaxel/nextjs:latest",
          memory: 2048,
          ports: [
            { name: "web", target: 3000, protocol: "TCP" },
            { target: 3001, protocol: "HTTP" },
          ],
          envs: [{ name: "A", value: "1" }],
          ttl: "24h",
          expires: "2030-01-01T00:00:00.000Z",
          extraArgs: { iptables: "disabled" },
        },
        lifecycle: { expirationPolicies: [{ type: "ttl-idle", value: "1h", action: "delete" }] },
      },
    },
  });
});

test("without a name the server assigns one", async () => {
  await using server = await startServer();
  const { body } = await server.call("POST", "/sandboxes", { metadata: {}, spec: {} });
  expect(body).toMatchObject({ metadata: { name: expect.stringMatching(/^sandbox-[a-z0-9]{8}$/) } });
});

test("the engine gets the user's environment, the platform's names over it, and cores by memory", async () => {
  await using server = await startServer();
  await server.create("envs", {
    runtime: {
      memory: 16_384,
      envs: [
        { name: "A", value: "1", secret: true },
        { name: "HOST", value: "127.0.0.1" },
        { name: "BL_NAME", value: "forged" },
      ],
    },
  });
  expect(server.engine.specs[0]).toMatchObject({
    hostname: "envs",
    memoryMiB: 16_384,
    cpuCount: 2,
    env: { A: "1", HOST: "127.0.0.1", BL_NAME: "envs", BL_WORKSPACE: "default", BL_TYPE: "sandbox" },
  });
  await server.create("small", { runtime: { memory: 128 } });
  expect(server.engine.specs[1]).toMatchObject({ memoryMiB: 128, cpuCount: 1, env: { HOST: "0.0.0.0" } });
  expect(server.engine.specs[1]?.env).not.toHaveProperty("BL_REGION");
});

test("secret values are masked in every answer", async () => {
  await using server = await startServer();
  const envs = [
    { name: "OPEN", value: "seen" },
    { name: "KEY", value: "hush-hush", secret: true },
  ];
  const answers = [
    await server.create("masked", { runtime: { envs } }),
    await server.call("GET", "/sandboxes/masked"),
    await server.call("GET", "/sandboxes"),
    await server.call("PUT", "/sandboxes/masked", { metadata: {}, spec: {} }),
    await server.call("DELETE", "/sandboxes/masked"),
  ];
  for (const { status, body } of answers) {
    expect(status).toBe(200);
    expect(JSON.stringify(body)).not.toContain("hush-hush");
    expect(JSON.stringify(body)).toContain('{"name":"OPEN","value":"seen"}');
    expect(JSON.stringify(body)).toContain('"name":"KEY"');
  }
});

const REFUSED: [title: string, metadata: unknown, spec: unknown, sentence: string][] = [
  ["a name in upper case", { name: "Web" }, {}, "metadata.name"],
  ["a name of 50 characters", { name: "a".repeat(50) }, {}, "metadata.name"],
  ["a name that ends with a hyphen", { name: "a-" }, {}, "metadata.name"],
  ["an empty name", { name: "" }, {}, "metadata.name"],
  ["an external id with a slash", { externalId: "a/b" }, {}, "metadata.externalId"],
  ["labels that are not strings", { labels: { a: 1 } }, {}, "metadata.labels.a"],
  ["memory under 128 MB", {}, { runtime: { memory: 64 } }, "spec.runtime.memory"],
  ["memory that is no whole number", {}, { runtime: { memory: 512.5 } }, "spec.runtime.memory"],
  ["more memory than the machine offers", {}, { runtime: { memory: 16_385 } }, "128 to 16384 MB"],
  ["port 80", {}, { runtime: { ports: [{ target: 80 }] } }, "port 80 is reserved for the system"],
  ["port 443", {}, { runtime: { ports: [{ target: 443 }] } }, "port 443 is reserved for the sandbox API"],
  ["port 8080", {}, { runtime: { ports: [{ target: 8080 }] } }, "port 8080 is reserved"],
  ["port 0", {}, { runtime: { ports: [{ target: 0 }] } }, "spec.runtime.ports.0.target"],
  ["port 65536", {}, { runtime: { ports: [{ target: 65_536 }] } }, "spec.runtime.ports.0.target"],
  ["an unknown protocol", {}, { runtime: { ports: [{ target: 1, protocol: "SCTP" }] } }, "ports.0.protocol"],
  ["an environment name with a hyphen", {}, { runtime: { envs: [{ name: "A-B", value: "" }] } }, "envs.0.name"],
  ["an environment value with NUL", {}, { runtime: { envs: [{ name: "A", value: "\0" }] } }, "envs.0.value"],
  ["an image with spaces", {}, { runtime: { image: "base image" } }, "spec.runtime.image"],
  ["a ttl without a unit", {}, { runtime: { ttl: "30" } }, "spec.runtime.ttl"],
  ["F037 a kernel option", {}, { runtime: { extraArgs: { nfs: "enabled" } } }, 'set it to "disabled"'],
  ["F037 an unknown kernel option", {}, { runtime: { extraArgs: { kvm: "disabled" } } }, "kvm"],
  ["F036 a size of the root disk", {}, { runtime: { storageMb: 1024 } }, "cannot limit the root disk"],
  ["a volume nobody has", {}, { volumes: [{ name: "v", mountPath: "/v" }] }, 'volume "v"'],
  ["network rules", {}, { network: { allowedDomains: ["example.com"] } }, "network"],
];

test.each(REFUSED)("%s is refused with 400 and leaves nothing", async (_title, metadata, spec, sentence) => {
  await using server = await startServer();
  const answer = await server.call("POST", "/sandboxes", { metadata, spec });
  expect(answer).toMatchObject({
    status: 400,
    body: { code: "INVALID_ARGUMENT", status_code: 400, step: "validation" },
  });
  expect(answer.body).toHaveProperty("message", expect.stringContaining(sentence));
  expect(await server.call("GET", "/sandboxes")).toMatchObject({ body: { data: [] } });
  expect(server.engine.specs).toEqual([]);
});

test("F038 an unknown image is 400 INVALID_IMAGE, names the available ones and leaves nothing", async () => {
  await using server = await startServer();
  const answer = await server.create("painted", { runtime: { image: "sandbox/nowhere:1" } });
  expect(answer).toMatchObject({
    status: 400,
    body: {
      code: "INVALID_IMAGE",
      sandbox_name: "painted",
      workspace: "default",
      details: {
        requested_image: "sandbox/nowhere:1",
        supported_images: ["base-image:latest", "nextjs:latest"],
      },
    },
  });
  expect(answer.body).toHaveProperty("message", expect.stringContaining("base-image:latest, nextjs:latest"));
  expect(await server.call("GET", "/sandboxes/painted")).toMatchObject({ status: 404, body: { code: 404 } });
});

test("a region is echoed only if sent, and answered with a warning", async () => {
  await using server = await startServer();
  const answer = await server.create("far", { region: "us-pdx-1" });
  expect(answer).toMatchObject({ status: 200, body: { spec: { region: "us-pdx-1" } } });
  expect(answer.headers.get("x-dormouse-warning")).toContain("BL_DISABLE_H2=1");
  expect(server.logged).toContainEqual(expect.objectContaining({ event: "sandbox.region", sandbox: "far" }));
});

test("a taken name is 409 SANDBOX_ALREADY_EXISTS", async () => {
  await using server = await startServer();
  await server.create("taken");
  const answer = await server.create("taken");
  expect(answer).toMatchObject({ status: 409, body: { code: "SANDBOX_ALREADY_EXISTS", sandbox_name: "taken" } });
  expect(answer.body).not.toHaveProperty("reason");
  expect(server.engine.specs).toHaveLength(1);
});

test("of 50 concurrent creates of one name one wins and 49 learn that it is being created", async () => {
  await using server = await startServer();
  const answers = await Promise.all(Array.from({ length: 50 }, () => server.create("race")));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  const refused = answers.filter(({ status }) => status === 409);
  expect(refused).toHaveLength(49);
  for (const { body } of refused) {
    expect(body).toMatchObject({ code: "SANDBOX_ALREADY_EXISTS", reason: "CREATION_IN_PROGRESS" });
  }
  expect(server.engine.specs).toHaveLength(1);
});

test("50 concurrent createIfNotExist of one name are one sandbox, and all get it", async () => {
  await using server = await startServer();
  const answers = await Promise.all(Array.from({ length: 50 }, () => reuse(server, "shared")));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(server.engine.specs).toHaveLength(1);
  expect(await reuse(server, "shared")).toMatchObject({ status: 200 });
  expect(server.engine.specs).toHaveLength(1);
});

test("createIfNotExist gives a failed sandbox's name to a new one, and so does a plain create", async () => {
  await using server = await startServer();
  const forced = [(name: string) => reuse(server, name), (name: string) => server.create(name)];
  for (const [index, create] of forced.entries()) {
    const name = `broken-${index}`;
    await server.create(name);
    const id = SandboxId.parse(server.engine.specs.at(-1)?.id);
    await server.deps.store.sandboxes.mark(id, "FAILED", Date.now());
    expect(await create(name)).toMatchObject({ status: 200, body: { status: "DEPLOYED" } });
    const running = await server.engine.list();
    expect(running.map((sandbox) => sandbox.id)).not.toContain(id);
  }
  expect(await server.engine.list()).toHaveLength(2);
});

test("F038 when the engine fails, its half is removed, the name is free and the failure is told", async () => {
  const engine = new MemoryEngine();
  engine.beforeCreate = () => Promise.reject(new AppError("HOST_FULL", "Cannot start: no memory is left"));
  await using server = await startServer({ engine });
  const removals: string[] = [];
  engine.beforeRemove = async () => void removals.push("removed");
  expect(await server.create("phoenix")).toMatchObject({ status: 503, body: { code: "HOST_FULL", step: "start" } });
  expect(removals).toEqual(["removed"]);
  expect(await server.call("GET", "/sandboxes/phoenix")).toMatchObject({ status: 404 });
  expect(server.deps.directory.findSandbox("default", "phoenix")).toBeUndefined();
  engine.beforeCreate = () => Promise.resolve();
  expect(await server.create("phoenix")).toMatchObject({ status: 200 });
});

test("F011 when the engine's half cannot be removed either, the record stays as FAILED, says why and can be deleted", async () => {
  const engine = new MemoryEngine();
  const unavailable = () => Promise.reject(new AppError("ENGINE_UNAVAILABLE", "Cannot reach the engine"));
  engine.beforeCreate = unavailable;
  engine.beforeRemove = unavailable;
  await using server = await startServer({ engine });
  expect(await server.create("stuck")).toMatchObject({ status: 503, body: { code: "ENGINE_UNAVAILABLE" } });
  expect(await server.call("GET", "/sandboxes/stuck")).toMatchObject({
    body: { status: "FAILED", errors: [{ code: "ENGINE_UNAVAILABLE", instance: engine.specs[0]?.id, fatal: true }] },
  });
  engine.beforeRemove = () => Promise.resolve();
  expect(await server.call("DELETE", "/sandboxes/stuck")).toMatchObject({ status: 200 });
});

test("a start that takes too long is 503: on 504 the stock client would poll for two minutes", async () => {
  const engine = new MemoryEngine();
  engine.beforeCreate = () => Promise.reject(new AppError("SANDBOX_START_TIMEOUT", "Cannot reach the agent"));
  await using server = await startServer({ engine });
  expect(await server.create("slow")).toMatchObject({ status: 503, body: { code: "SANDBOX_START_TIMEOUT" } });
});
