import { expect, test } from "bun:test";
import { GatewayBench } from "./testkit/gateway-bench.ts";

const ROUND_COUNT = 200;

interface ImpatientApp extends AsyncDisposable {
  readonly pid: number;
  /** Everything it printed; complete after disposal. */
  readonly methods: string[];
}

async function startImpatientApp(bench: GatewayBench, idleMs: number): Promise<ImpatientApp> {
  const program = `${import.meta.dirname}/testkit/programs/impatient-app.ts`;
  const child = Bun.spawn([process.execPath, program, bench.address, "3000", String(idleMs)], { stdout: "pipe" });
  const ready = Promise.withResolvers<void>();
  const methods: string[] = [];
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      methods.push(...decoder.decode(chunk).trim().split("\n"));
      ready.resolve();
    }
  })();
  await ready.promise;
  return {
    pid: child.pid,
    methods,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      await reading;
    },
  };
}

test("an app that closes idle connections costs no request, whenever it closes them", async () => {
  await using bench = new GatewayBench();
  await using app = await startImpatientApp(bench, 4);
  for (let round = 0; round < ROUND_COUNT; round += 1) {
    const method = round % 2 === 0 ? "GET" : "POST";
    const answer = await fetch(`${bench.url}/preview/open/`, { method });
    expect([method, answer.status]).toEqual([method, 200]);
    // Around the moment the app's own timer fires.
    await Bun.sleep(2 + (round % 5));
  }
  expect(app.pid).toBeGreaterThan(0);
});

test("an app frozen past its own timer answers every request that wakes it, each exactly once", async () => {
  await using bench = new GatewayBench({ idleMs: 1 });
  await bench.listenHttp(8080, (_request, response) => response.end());
  const app = await startImpatientApp(bench, 4);
  {
    await using _ = app;
    bench.engine.beforeSleep = async () => void process.kill(app.pid, "SIGSTOP");
    bench.engine.beforeWake = async () => void process.kill(app.pid, "SIGCONT");
    const id = bench.sandbox.sandboxId;
    for (let round = 0; round < ROUND_COUNT; round += 1) {
      while (bench.life.state(id) !== "asleep") await Bun.sleep(1);
      await Bun.sleep(5);
      const methods = ["GET", "POST", "GET"];
      const answers = await Promise.all(methods.map((method) => fetch(`${bench.url}/preview/open/`, { method })));
      expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
    }
  }
  expect(app.methods.filter((method) => method === "POST")).toHaveLength(ROUND_COUNT);
});

test("a POST whose connection is closed without an answer is not sent again", async () => {
  await using bench = new GatewayBench();
  let connectionCount = 0;
  await bench.listen(3000, (socket) => {
    connectionCount += 1;
    socket.once("data", () => socket.destroy());
  });
  expect((await fetch(`${bench.url}/preview/open/`, { method: "POST", body: "once" })).status).toBe(502);
  expect(connectionCount).toBe(1);
});

test("a GET whose connection is closed without an answer is tried once more, then 502", async () => {
  await using bench = new GatewayBench();
  let connectionCount = 0;
  await bench.listen(3000, (socket) => {
    connectionCount += 1;
    socket.once("data", () => socket.destroy());
  });
  expect((await fetch(`${bench.url}/preview/open/`)).status).toBe(502);
  expect(connectionCount).toBe(2);
});
