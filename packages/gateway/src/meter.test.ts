import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { AppError } from "@dormouse/kernel";
import { expect, test } from "bun:test";
import type { GatewayMeter } from "./gateway.ts";
import type { LifeEvent } from "./life-entry.ts";
import { GatewayBench, TOKEN } from "./testkit/gateway-bench.ts";

/** A meter that writes down what it is told. */
class Notes implements GatewayMeter {
  readonly answers: string[] = [];
  readonly failures: string[] = [];
  readonly durationsMs: number[] = [];

  noteAnswer: GatewayMeter["noteAnswer"] = (kind, status, durationMs) => {
    this.answers.push(`${kind} ${status}`);
    this.durationsMs.push(durationMs);
  };

  noteFailure(code: string): void {
    this.failures.push(code);
  }
}

test("every answer is metered once by what its address points to: an app's, a refusal and a WebSocket", async () => {
  const meter = new Notes();
  await using bench = new GatewayBench({ meter });
  const app = Bun.serve({
    hostname: bench.address,
    port: 3000,
    fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("hello", { status: 201 })),
    websocket: { message: () => undefined },
  });
  bench.onEnd(() => void app.stop(true));
  bench.addDomain("shop.example.com", "open");
  await fetch(`${bench.url}/preview/open/`);
  await fetch(`${bench.url}/preview/closed/`);
  await fetch(`${bench.url}/run/acme/sandboxes/none/`);
  await fetch(bench.url, { headers: { host: "shop.example.com" } });
  await fetch(`${bench.url}/elsewhere`);
  const socket = new WebSocket(`${bench.url.replace("http", "ws")}/preview/closed/?bl_preview_token=${TOKEN}`);
  await new Promise((resolve) => socket.addEventListener("open", resolve));
  expect(bench.gateway.openConnections()).toEqual({ stream: 0, websocket: 1 });
  socket.close();
  expect(meter.answers).toEqual(["preview 201", "preview 401", "sandbox 401", "domain 201", "preview 101"]);
  expect(meter.failures).toEqual(["UNAUTHENTICATED", "UNAUTHENTICATED"]);
  expect(Math.min(...meter.durationsMs)).toBeGreaterThan(0);
});

test("a wake that fails leaves an event with its code", async () => {
  await using bench = new GatewayBench();
  const events: LifeEvent[] = [];
  const note = (event: unknown): void => void events.push(event as LifeEvent);
  subscribe("dormouse.gateway.life", note);
  bench.life.track({ id: bench.sandbox.sandboxId, address: bench.address, state: "asleep" });
  bench.engine.beforeWake = () => Promise.reject(new AppError("HOST_FULL", "Cannot wake it: the memory is used up"));
  await fetch(`${bench.url}/preview/open/`);
  unsubscribe("dormouse.gateway.life", note);
  const { sandboxId } = bench.sandbox;
  const about = { event: "sandbox.wake", outcome: "failure", code: "HOST_FULL", sandboxId };
  expect(events.filter((event) => event.sandboxId === sandboxId)).toMatchObject([about]);
  expect(bench.life.counts()).toEqual({ awake: 0, "falling-asleep": 0, asleep: 1, waking: 0 });
});
