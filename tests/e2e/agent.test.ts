import { expect, test } from "bun:test";
import { rawRequest } from "../support/raw-request.ts";
import { useDormouse } from "../support/suite.ts";

/* The API inside a sandbox, through the gateway, with the bytes that clients hide. */
const suite = useDormouse({ DORMOUSE_IDLE_MS: "600" });

interface ExecEvent {
  readonly type: string;
  readonly data?: string;
}

test("encoded and doubled slashes of a path arrive as they were written", async () => {
  const { api } = suite;
  await api.create("paths");
  await api.run(
    "paths",
    "mkdir -p /tmp/d && echo absolute > /tmp/d/file && mkdir -p tmp/d && echo relative > tmp/d/file",
  );
  const read = async (target: string): Promise<string> => {
    using request = rawRequest(api, "paths", target);
    const { status, body } = await request.answer();
    return status === 200 ? (JSON.parse(body) as { content: string }).content : String(status);
  };
  expect(await read("/filesystem/%2Ftmp%2Fd%2Ffile")).toBe("absolute\n");
  expect(await read("/filesystem//tmp/d/file")).toBe("absolute\n");
  expect(await read("/filesystem%2Ftmp/d/file")).toBe("absolute\n");
  expect(await read("/filesystem/%2ftmp%2fd%2ffile")).toBe("absolute\n");
  expect(await read("/filesystem/tmp/d/file")).toBe("relative\n");
  expect(await read("/filesystem/tmp%2fd%2ffile")).toBe("relative\n");
  expect(await read("/filesystem/tmp%2Fd%2Ffile")).toBe("absolute\n");
  expect(await read("/filesystem/%zz")).toBe("400");
  await api.remove("paths");
});

test("a streaming exec is one JSON object per line, without a blank one, and the result is the last", async () => {
  const { api } = suite;
  await api.create("stream");
  const command = "for i in $(seq 200); do echo line $i; echo error $i >&2; done; printf 'é no newline'";
  using request = rawRequest(api, "stream", "/process", {
    method: "POST",
    headers: { Accept: "text/event-stream" },
    body: JSON.stringify({ command }),
  });
  const { head, body } = await request.answer();
  expect(head).toMatch(/^content-type: application\/x-ndjson/im);
  expect(head).toMatch(/^x-accel-buffering: no/im);
  expect(body).toEndWith("\n");
  const events = body
    .slice(0, -1)
    .split("\n")
    .map((line) => JSON.parse(line) as ExecEvent);
  const output = (type: string): string => events.flatMap((event) => (event.type === type ? event.data : [])).join("");
  const numbers = Array.from({ length: 200 }, (_, at) => at + 1);
  expect(output("stdout")).toBe(`${numbers.map((number) => `line ${number}\n`).join("")}é no newline`);
  expect(output("stderr")).toBe(numbers.map((number) => `error ${number}\n`).join(""));
  expect(events.at(-1)?.type).toBe("result");
  expect(JSON.parse(events.at(-1)?.data ?? "")).toMatchObject({ status: "completed", exitCode: 0 });
  await api.remove("stream");
});

test("R-02 R-49 an exec stream that says nothing has its keepalives and no end of its own", async () => {
  const { api } = suite;
  await api.create("quiet");
  using request = rawRequest(api, "quiet", "/process", {
    method: "POST",
    headers: { Accept: "text/event-stream" },
    body: JSON.stringify({ command: "read -r line < <(sleep 300)", name: "quiet" }),
  });
  const received = await request.until((text) => text.split('{"type":"keepalive"}').length > 3);
  expect(received).not.toContain('"stdout"');
  expect((await api.get("quiet")).state).toBe("RUNNING");
  await api.remove("quiet");
});

test("a client that vanishes from a stream takes nothing with it but the sandbox's reason to stay awake", async () => {
  const { api } = suite;
  await api.create("vanish");
  await api.process("vanish", { command: "while :; do echo tick; sleep 0.1; done", name: "ticker" });
  for (const target of ["/process/ticker/logs/stream", "/watch/filesystem/%2Ftmp"]) {
    using request = rawRequest(api, "vanish", target);
    await request.until((text) => text.includes("\r\n\r\n"));
    request.socket.resetAndDestroy();
  }
  await api.untilState("vanish", "STANDBY");
  expect(JSON.parse(await api.text("vanish", "/process/ticker"))).toMatchObject({ status: "running" });
  const agentFds = await api.run("vanish", "ls -l /proc/$(pgrep -xo sandbox-api)/fd | grep -c inotify || true");
  expect(Number(agentFds)).toBeLessThanOrEqual(1);
  await api.remove("vanish");
});

test("R-10 servers on IPv4 only and on both families are reached; their host names are their own", async () => {
  const { api } = suite;
  await api.create("families");
  const serve = (host: string, port: number) =>
    api.process("families", {
      command: `exec node -e 'require("http").createServer((q, r) => r.end("on ${host}")).listen(${port}, "${host}")'`,
      waitForPorts: [port],
      timeout: 30,
    });
  await serve("0.0.0.0", 3000);
  await serve("::", 3001);
  expect(await api.text("families", "/port/3000/")).toBe("on 0.0.0.0");
  expect(await api.text("families", "/port/3001/")).toBe("on ::");
  await api.remove("families");
});

test("R-13 R-56 F039 inside, the platform's variables are set, the host name resolves, and commands start in the image's folder", async () => {
  const { api } = suite;
  await api.create("inside", { runtime: { envs: [{ name: "DORMOUSE_READY_FD", value: "9" }] } });
  const variables = await api.run(
    "inside",
    "pwd; hostname; getent hosts $(hostname) | wc -l; source /etc/profile; env",
  );
  const [directory, hostname, addressCount, ...lines] = variables.trim().split("\n");
  expect([directory, hostname, addressCount]).toEqual(["/blaxel", "inside", "1"]);
  expect(lines).toEqual(
    expect.arrayContaining([
      "BL_NAME=inside",
      "BL_WORKSPACE=default",
      "BL_WORKSPACE_ID=default",
      "BL_ENV=prod",
      "BL_TYPE=sandbox",
      "BL_CLOUD=true",
      "HOST=0.0.0.0",
      "SHELL=/bin/bash",
    ]) as string[],
  );
  expect(variables).not.toMatch(/DORMOUSE|BL_REGION/);
  await api.remove("inside");
});

test("F250 R-08 with BL_SANDBOX_USER everything a client can ask for runs as that user", async () => {
  const { api } = suite;
  await api.create("unprivileged", { runtime: { envs: [{ name: "BL_SANDBOX_USER", value: "nobody" }] } });
  expect(await api.run("unprivileged", "id -un; echo $USER; cat /etc/shadow || true")).toBe("nobody\nnobody\n");
  const write = await api.fetch("unprivileged", "/filesystem/%2Fetc%2Fnew", { method: "PUT", body: '{"content":""}' });
  expect(write.status).toBe(422);
  await api.write("unprivileged", "/tmp/own", "mine");
  expect(await api.run("unprivileged", "stat -c %U /tmp/own")).toBe("nobody\n");
  await api.remove("unprivileged");
});

test("an unknown BL_SANDBOX_USER refuses the sandbox with a sentence and leaves nothing", async () => {
  const { api } = suite;
  const spec = { runtime: { memory: 512, envs: [{ name: "BL_SANDBOX_USER", value: "nobody-knows" }] } };
  const { status, body } = await api.call("POST", "/sandboxes", { body: { metadata: { name: "refused" }, spec } });
  expect(status).toBeGreaterThanOrEqual(400);
  expect(JSON.stringify(body)).toContain("nobody-knows");
  await api.call("DELETE", "/sandboxes/refused");
});
