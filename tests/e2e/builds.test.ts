import { afterEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { zipOf } from "@dormouse/kernel/testkit";
import type { ImageAnswer, LogsAnswer } from "@dormouse/schema";
import { eventually } from "../support/eventually.ts";
import { useDormouse } from "../support/suite.ts";
import { packed, putContext, untilStatus, upload, uploadUrl } from "../support/uploads.ts";

/* From a ZIP file to a sandbox that serves, on the real engine. */
const suite = useDormouse();

const BASE = "FROM blaxel/base-image:latest";

afterEach(async () => {
  await suite.api.removeAll();
  const { body } = await suite.api.call<ImageAnswer[]>("GET", "/images");
  for (const { metadata } of body) await suite.api.call("DELETE", `/images/sandbox/${metadata.name}`);
});

test("F026 F070 F071 F082 F083 F084 F085 a ZIP with a Dockerfile becomes a sandbox, and its image further ones", async () => {
  const { api } = suite;
  await upload(api, "built", {
    Dockerfile: `${BASE}\nWORKDIR /app\nCOPY . .\nRUN cat note.txt deep/er.txt > both.txt\nENV COLOUR=green SIZE=1\n`,
    "note.txt": "one\n",
    "deep/er.txt": "two\n",
    "blaxel.toml": `[runtime]\nmemory = 256\n[env]\nSIZE = "2"\n`,
  });
  const { spec } = await untilStatus(api, "built", "DEPLOYED");
  expect(spec.runtime.image).toMatch(/^sandbox\/built:\w+$/);
  expect(spec.runtime.memory).toBe(512);
  expect(await api.run("built", "cat /app/both.txt; echo $COLOUR $SIZE")).toBe("one\ntwo\ngreen 2\n");
  await api.remove("built");
  await api.create("second", { runtime: { image: spec.runtime.image, memory: 512 } });
  expect(await api.run("second", "cat both.txt; echo $SIZE")).toBe("one\ntwo\n2\n");
});

test("F073 F075 the image's entrypoint finds the API, and starts its workload through it without a credential", async () => {
  const { api } = suite;
  const entrypoint = [
    "#!/bin/sh",
    "/usr/local/bin/sandbox-api &",
    "while ! curl -s http://127.0.0.1:8080/health > /dev/null; do sleep 0.1; done",
    "echo the workload starts",
    `curl -s http://127.0.0.1:8080/process -X POST -H 'Content-Type: application/json' -d '{"name":"work","command":"echo at work; sleep 3600","workingDir":"/"}'`,
    "wait",
  ].join("\n");
  await upload(api, "working", {
    Dockerfile: `${BASE}
COPY --from=ghcr.io/blaxel-ai/sandbox:latest /sandbox-api /usr/local/bin/sandbox-api
COPY entrypoint.sh /entrypoint.sh
RUN chmod +x /entrypoint.sh
ENTRYPOINT ["/entrypoint.sh"]
`,
    "entrypoint.sh": entrypoint,
  });
  await untilStatus(api, "working", "DEPLOYED");
  await eventually(async () => expect(await api.text("working", "/process/work/logs")).toContain("at work"));
  const { body } = await api.call<LogsAnswer>("GET", "/observability/logs?workloadIds=working");
  const messages = body["working"]?.logs.map(({ message }) => message) ?? [];
  expect(messages).toContain("[work] at work");
  expect(messages).toContain("[entrypoint] the workload starts");
  expect(messages.some((message) => message.includes("RUN chmod +x /entrypoint.sh"))).toBe(true);
});

test("F086 F091 the log follows a build to its end, without the secrets it was given, and says what failed", async () => {
  const { api } = suite;
  const files = {
    Dockerfile: `${BASE}
ARG GREETING
ARG TOKEN
RUN echo "$GREETING \${#TOKEN}"
RUN --mount=type=secret,id=TOKEN test "$(cat /run/secrets/TOKEN)" = hunter2hunter2
COPY . /context
RUN ls -A /context && echo to stderr >&2 && false
`,
    ".env.build": "TOKEN=hunter2hunter2\n",
    "blaxel.toml": `[build.args]\nGREETING = "hello"\n`,
  };
  await upload(api, "failing", files);
  const log = await fetch(`${api.env["BL_API_URL"]}/sandboxes/failing/build-logs`, {
    headers: { authorization: `Bearer ${api.key}` },
  });
  expect(log.headers.get("content-type")).toStartWith("text/plain");
  const text = await log.text();
  expect(text).toContain("hello 14");
  expect(text).toContain("to stderr");
  expect(text).not.toContain("hunter2hunter2");
  expect(text).not.toContain(".env.build");
  expect(text.trimEnd().split("\n").at(-1)).toMatch(/^\S+Z Cannot build the image: .*false/);
  const sandbox = await api.get("failing");
  expect(sandbox).toMatchObject({ status: "FAILED", errors: [{ code: "BUILD_FAILED", fatal: true }] });
  expect((await api.fetch("failing", "/process")).status).toBe(404);
  expect(suite.sandboxFolders()).toEqual([]);
});

test("a sandbox serves while it is built anew, keeps its volume, and loses nothing when that fails", async () => {
  const { api } = suite;
  await api.call("POST", "/volumes", { body: { metadata: { name: "kept" }, spec: { size: 64 } } });
  await api.create("anew", { runtime: { memory: 512 }, volumes: [{ name: "kept", mountPath: "/kept" }] });
  await api.run("anew", "echo precious > /kept/file; echo here > /root/here");
  const body = { metadata: {}, spec: { runtime: {} } };
  await upload(api, "anew", { Dockerfile: `${BASE}\nRUN false\n` }, { method: "PUT", body });
  expect(await api.run("anew", "cat /root/here")).toBe("here\n");
  await eventually(async () => expect((await api.get("anew")).status).toBe("FAILED"), 60_000);
  expect(await api.get("anew")).toMatchObject({ state: expect.any(String), errors: [{ fatal: false }] });
  expect(await api.run("anew", "cat /root/here /kept/file")).toBe("here\nprecious\n");
  await upload(api, "anew", { Dockerfile: `${BASE}\nRUN echo new > /root/here\n` }, { method: "PUT", body });
  expect((await api.get("anew")).status).toBe("BUILDING");
  expect(await api.run("anew", "cat /root/here")).toBe("here\n");
  const { spec } = await untilStatus(api, "anew", "DEPLOYED");
  expect(spec.runtime).toMatchObject({ image: expect.stringMatching(/^sandbox\/anew:/), memory: 512 });
  expect(await api.run("anew", "cat /root/here /kept/file")).toBe("new\nprecious\n");
  await api.remove("anew");
  expect((await api.call("DELETE", "/volumes/kept")).status).toBe(200);
});

test("F088 an image alone is built by POST /images, and used by name", async () => {
  const { api } = suite;
  const request = { path: "/images", body: { name: "tools", resourceType: "sandbox" } };
  await upload(api, "tools", { Dockerfile: `${BASE}\nRUN echo tool > /tool\n` }, request);
  const status = async () => (await api.call<ImageAnswer>("GET", "/images/sandbox/tools")).body.metadata.status;
  expect(await status()).toBe("BUILDING");
  await eventually(async () => expect(await status()).toBe("BUILT"), 60_000);
  await api.create("user", { runtime: { image: "tools", memory: 512 } });
  expect(await api.run("user", "cat /tool")).toBe("tool\n");
});

test.each<readonly [string, Buffer, string]>([
  ["no archive", Buffer.from("hello"), "ZIP"],
  ["no Dockerfile", packed({ "app/Dockerfile": "FROM scratch" }), "Dockerfile"],
  ["a path that climbs out", zipOf([{ name: "../../../etc/cron.d/x", content: "x" }]), '".."'],
  ["a link to the host's files", zipOf([{ name: "x", content: "/etc/shadow", unixMode: 0o120777 }]), "link"],
  ["a bomb", zipOf([{ name: "x", content: Buffer.alloc(48 * 1024 * 1024) }]), "250 times"],
])(
  "F082 a context with %s is refused with what is wrong, which is the sandbox's failure too",
  async (_title, archive, sentence) => {
    const { api } = suite;
    const url = await uploadUrl(api, "refused");
    const response = await putContext(url, archive);
    const answer = { status: response.status, body: await response.json() };
    // What only the build finds out comes later.
    if (answer.status !== 200) {
      expect(answer).toMatchObject({ status: 400, body: { message: expect.stringContaining(sentence) } });
    }
    await eventually(async () => expect((await api.get("refused")).status).toBe("FAILED"), 60_000);
    expect((await api.get("refused")).errors).toMatchObject([{ message: expect.stringContaining(sentence) }]);
    expect((await putContext(url, archive)).status).toBe(403);
  },
);

test("F084 an upload whose client goes away fails its sandbox; a new address works", async () => {
  const { api } = suite;
  const large = packed({ Dockerfile: "FROM scratch\n", x: randomBytes(8 * 1024 * 1024) });
  const gone = new AbortController();
  const began = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(large.subarray(0, large.length / 2)),
    pull: () => began.resolve(),
  });
  const url = await uploadUrl(api, "dropped");
  const uploading = fetch(url, { method: "PUT", body, signal: gone.signal }).catch(() => undefined);
  await began.promise;
  gone.abort();
  await uploading;
  await eventually(async () => expect((await api.get("dropped")).status).toBe("FAILED"));
  expect((await api.get("dropped")).errors).toMatchObject([{ message: expect.stringContaining("cut off") }]);
  await upload(api, "dropped", { Dockerfile: "FROM scratch\nCOPY Dockerfile /\n" }, { method: "PUT" });
  await untilStatus(api, "dropped", "DEPLOYED");
});

test("a sandbox that is deleted while it is built ends the build, and its name is free", async () => {
  const { api } = suite;
  await upload(api, "ended", { Dockerfile: `${BASE}\nRUN sleep 3600\n` });
  const log = await fetch(`${api.env["BL_API_URL"]}/sandboxes/ended/build-logs`, {
    headers: { authorization: `Bearer ${api.key}` },
  });
  await untilText(log, "sleep 3600");
  expect((await api.fetch("ended", "/process")).status).toBe(503);
  await api.remove("ended");
  expect(await api.call("GET", "/sandboxes/ended")).toMatchObject({ status: 404 });
  await upload(api, "ended", { Dockerfile: "FROM scratch\nCOPY Dockerfile /\n" });
  await untilStatus(api, "ended", "DEPLOYED");
});

/** Reads until the text is there. */
async function untilText(response: Response, wanted: string): Promise<void> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes(wanted)) return;
  }
  throw new Error(`the text ended without "${wanted}": ${text}`);
}
