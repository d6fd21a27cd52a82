import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { EngineSandbox, EngineSandboxSpec } from "@dormouse/schema";
import { type Built, failure, newSpec, runInside, useBuilds } from "../../testkit/index.ts";

const suite = useBuilds();

async function inSandbox<T>(
  { id }: Built,
  use: (sandbox: EngineSandbox) => Promise<T>,
  spec: Partial<EngineSandboxSpec> = {},
): Promise<T> {
  const sandbox = await suite.engine.port.create(newSpec({ image: `@${id}`, ...spec }));
  try {
    return await use(sandbox);
  } finally {
    await suite.engine.port.remove(sandbox.id);
  }
}

const printed = (built: Built, command: string): Promise<string> =>
  inSandbox(built, async (sandbox) => (await runInside(sandbox, command)).stdout);

test("F074 stages, COPY between them, ENV, WORKDIR, USER and ENTRYPOINT: a sandbox has what the Dockerfile says", async () => {
  const built = await suite.build({
    Dockerfile: `
FROM busybox AS made
RUN mkdir -p /made/bin && echo "made \${0}" > /made/text
FROM busybox:latest
ENV COLOUR=blue DIRECTION="up and down"
COPY --from=made /made /opt/made
COPY src/ /app/src/
COPY --chown=7:8 run.sh /app/
RUN chmod 755 /app/run.sh && rm /bin/nc
WORKDIR /app
USER 7
ENTRYPOINT ["/app/run.sh", "one argument"]
CMD ["and another"]
`,
    "src/deep/file.txt": "deep",
    "run.sh": '#!/bin/sh\necho "$1,$2,$COLOUR,$(pwd)" > /tmp/started\nsleep 1000\n',
    "not-copied.txt": "x",
  });
  expect(built.state).toMatchObject({ status: "ready", id: built.id });
  expect(built.log).toContain("[2/2] STEP 9/10: ENTRYPOINT");
  expect(built.log).toContain("[1/2] STEP 2/2: RUN mkdir -p /made/bin");
  const look =
    'until cat /tmp/started 2> /dev/null; do sleep 0.05; done; echo "$DIRECTION"; pwd; cat /opt/made/text src/deep/file.txt; echo';
  expect(await printed(built, look)).toBe(
    "one argument,and another,blue,/app\nup and down\n/app\nmade /bin/sh\ndeep\n",
  );
  expect(await printed(built, "stat -c '%u:%g %a' /app/run.sh; ls /bin/nc /not-copied.txt 2>&1 | wc -l")).toBe(
    "7:8 755\n2\n",
  );
});

test("F073 COPY --from the sandbox image is our own agent, whatever its tag; so is FROM it, and images without work as well", async () => {
  const copied = await suite.build({
    Dockerfile: `FROM busybox
COPY --from=ghcr.io/blaxel-ai/sandbox:v0.9.9 /sandbox-api /usr/local/bin/sandbox-api
COPY --from=ghcr.io/blaxel-ai/sandbox@sha256:${"0".repeat(64)} /sandbox-api /opt/again
ENTRYPOINT ["/usr/local/bin/sandbox-api"]
`,
  });
  expect(copied.state).toMatchObject({ status: "ready" });
  expect(copied.log).toContain("STEP 2/4: COPY --from=ghcr.io/blaxel-ai/sandbox:v0.9.9 /sandbox-api");
  expect(await printed(copied, "ls -l /opt/again | wc -l; /opt/again --version | wc -l")).toBe("1\n1\n");
  const from = await suite.build({ Dockerfile: "FROM ghcr.io/blaxel-ai/sandbox:latest\nCOPY Dockerfile /D\n" });
  expect(from.state).toMatchObject({ status: "ready" });
  const status = await inSandbox(from, async ({ address }) => (await fetch(`http://${address}:8080/health`)).status);
  expect(status).toBe(200);
}, 240_000);

test("F091 build args come from the request, .env.build, blaxel.toml and the Dockerfile, in this order, and as secrets", async () => {
  const secret = "correct-horse-battery";
  const built = await suite.build(
    {
      Dockerfile: `
ARG BASE=nothing
FROM \${BASE}
ARG A=file
ARG B=file
ARG C=file
ARG D=file
RUN --mount=type=secret,id=TOKEN test "$(cat /run/secrets/TOKEN)" = "$TOKEN-but-not" || cat /run/secrets/TOKEN; sleep 0.5
RUN echo "$A,$B,$C,$D" > /args && ls -A /run /run/secrets > /left 2>&1 || true
COPY . /everything/
`,
      ".env.build": `TOKEN=${secret}\nB=env\nC=env\n`,
      ".docker/config.json": JSON.stringify({ auths: { "registry.example.com": { auth: btoa("me:swordfish-42") } } }),
      "blaxel.toml": '[build.args]\nBASE = "busybox"\nA = "toml"\nB = "toml"\nC = "toml"\n',
    },
    { buildArgs: { C: "request" } },
  );
  expect(built.state).toMatchObject({ status: "ready", blaxelToml: expect.stringContaining("[build.args]") as string });
  expect(built.log).toContain("***");
  expect(built.log).not.toContain(secret);
  expect(await printed(built, "cat /args; ls -A /everything")).toBe(
    "toml,env,request,file\n.docker\nDockerfile\nblaxel.toml\n",
  );
  expect(await printed(built, `grep -r -l -e ${secret} -e swordfish /everything /args /left /etc /tmp | wc -l`)).toBe(
    "0\n",
  );
});

test(".dockerignore is obeyed", async () => {
  const built = await suite.build({
    Dockerfile: "FROM busybox\nCOPY . /c\n",
    ".dockerignore": "*.log\nnode_modules\n!keep.log\n",
    "a.log": "x",
    "keep.log": "x",
    "node_modules/x": "x",
    "src/b.txt": "x",
  });
  expect(await printed(built, "ls -A /c")).toBe(".dockerignore\nDockerfile\nkeep.log\nsrc\n");
});

test("what a scope has built is found again by its next build, and by no other scope's", async () => {
  const files = { Dockerfile: "FROM busybox\nCOPY a /a\nRUN seq 10000 > /numbers\n", a: "a" };
  const first = await suite.build(files, { cacheScope: "one" });
  const second = await suite.build(files, { cacheScope: "one" });
  const other = await suite.build(files, { cacheScope: "two" });
  expect(first.log).not.toContain("Using cache");
  expect(second.log.match(/Using cache/g)?.length).toBe(2);
  expect(second.log).not.toContain("Taking the image into the store");
  expect(other.log).not.toContain("Using cache");
  await suite.engine.port.removeImage(first.id);
  expect(await printed(second, "tail -n 1 /numbers")).toBe("10000\n");
  const changed = await suite.build(
    { ...files, Dockerfile: `${files.Dockerfile}RUN echo more > /more\n` },
    { cacheScope: "one" },
  );
  expect(changed.log).toContain("Taking the image into the store");
  expect(await printed(changed, "tail -n 1 /numbers; cat /a /more")).toBe("10000\namore\n");
  await suite.engine.port.removeImage(changed.id);
  const third = await suite.build(files, { cacheScope: "one" });
  expect(await printed(third, "tail -n 1 /numbers")).toBe("10000\n");
  await suite.engine.port.removeImage(second.id);
  await suite.engine.port.removeImage(third.id);
  const fourth = await suite.build(files, { cacheScope: "one" });
  expect(fourth.log).toContain("Taking the image into the store");
  expect(await printed(fourth, "tail -n 1 /numbers")).toBe("10000\n");
});

test("FROM our own images, by their prefix or because no registry has them", async () => {
  for (const from of ["blaxel/base-image:latest", "base-image"]) {
    const built = await suite.build({ Dockerfile: `FROM ${from}\nRUN useradd app && node -p 6*7 > /answer\n` });
    expect(built.state).toMatchObject({ status: "ready" });
    expect(await printed(built, "cat /answer; node -p 1+1; grep -c ^app: /etc/passwd")).toBe("42\n2\n1\n");
  }
}, 240_000);

test("FROM an image of ours that is not built here says how to build it", async () => {
  const { state } = await suite.build({ Dockerfile: "FROM blaxel/vite\n" });
  expect(state.failure).toMatchObject({
    code: "INVALID_IMAGE",
    hint: expect.stringContaining('"dormouse image build vite"'),
  });
});

test("an image can be taken from a registry as it is", async () => {
  const built = await suite.build({}, { source: { kind: "registry", reference: "busybox" } });
  expect(built.state).toMatchObject({ status: "ready" });
  expect(await printed(built, "ls /bin/busybox")).toBe("/bin/busybox\n");
  const unknown = await suite.build({}, { source: { kind: "registry", reference: "busybox:none" } });
  expect(unknown.state).toMatchObject({ status: "failed", failure: { code: "IMAGE_NOT_FOUND" } });
});

test.each([
  [
    "FROM busybox\nRUN echo working >&2; echo sorry >&2; sleep 0.5; exit 42\n",
    'step 2/2, "RUN echo working >&2; echo sorry >&2; sleep 0.5; exit 42", exited with 42: working; sorry',
  ],
  ["FROM busybox\nCOPY nothing /x\n", 'step 2/2, "COPY nothing /x", failed: '],
  ["FROM busybox\nRUM true\n", 'line 2 of its Dockerfile has no instruction: "RUM"'],
  ["FROM nobody-has-this:1\n", 'Cannot transfer image "docker.io/library/nobody-has-this:1": '],
  ["FROM busybox\nRUN nothing-of-this-name\n", 'step 2/2, "RUN nothing-of-this-name", exited with 127: '],
  ["FROM a/../b\n", 'Cannot use image "a/../b": it is not an image reference'],
])("%p fails and says why", async (dockerfile, sentence) => {
  const { state, log } = await suite.build({ Dockerfile: dockerfile });
  expect(state.status).toBe("failed");
  expect(state.failure?.message).toContain(sentence);
  expect(log).not.toContain(state.failure?.message ?? "");
});

test.each<readonly [string, Readonly<Record<string, string | Buffer>>, string]>([
  ["no Dockerfile", { "app/Dockerfile": "FROM busybox" }, 'no "Dockerfile" at the archive\'s root, which has "app"'],
  ["a path that climbs", { Dockerfile: "FROM busybox", "../../x": "x" }, '"..'],
  ["a bomb", { Dockerfile: "FROM busybox", zeros: Buffer.alloc(64 * 1024 * 1024) }, "more than 250 times as large"],
])("a context with %s is refused at once, and nothing of it stays", async (_title, files, sentence) => {
  const before = readdirSync(join(suite.engine.data.dir, "builds"));
  const refused = await failure(suite.begin(files));
  expect(refused.code).toBe("INVALID_ARGUMENT");
  expect(refused.message).toContain(sentence);
  expect(readdirSync(join(suite.engine.data.dir, "builds"))).toEqual(before);
});
