import type { ApiRequestEvent, Logger } from "@dormouse/control-plane";
import type { Gateway, GatewayMeter, SandboxLife } from "@dormouse/gateway";
import type { ErrorCode } from "@dormouse/kernel";
import type { EnginePort, EngineStats } from "@dormouse/schema";
import { VERSION } from "../version.ts";
import { Counter } from "./counter.ts";
import { type Metric, renderMetrics } from "./exposition.ts";
import { GatewayMetrics } from "./gateway-metrics.ts";
import { Histogram } from "./histogram.ts";
import { OperationMetrics } from "./operation-metrics.ts";
import { counter, gauge, processMetrics } from "./process-metrics.ts";

/** An engine that does not answer within this time is down for the scrape. */
const ENGINE_TIMEOUT_MS = 1000;

/** What is only known when somebody looks. */
export interface MetricSources {
  readonly engine: Pick<EnginePort, "stats">;
  readonly life: Pick<SandboxLife, "counts">;
  readonly gateway: Pick<Gateway, "openConnections">;
}

/** Everything the server counts, in Prometheus's text format. No label names a sandbox, a workspace or a person. */
export class ServerMetrics implements GatewayMeter {
  readonly #gateway = new GatewayMetrics();
  readonly #operations = new OperationMetrics();
  readonly #errors = new Counter("source", "code");
  readonly #apiRequests = new Counter("status");
  readonly #apiDurations = new Histogram();

  noteAnswer: GatewayMeter["noteAnswer"] = (kind, status, durationMs) =>
    this.#gateway.noteAnswer(kind, status, durationMs);

  noteFailure(code: ErrorCode): void {
    this.#errors.add({ source: "gateway", code });
  }

  noteApiRequest({ status, durationMs, code }: ApiRequestEvent): void {
    this.#apiRequests.add({ status: `${Math.floor(status / 100)}xx` });
    this.#apiDurations.note(durationMs);
    if (code !== undefined) this.#errors.add({ source: "api", code });
  }

  /** `log`, whose events are counted whatever level it writes. */
  counting(log: Logger): Logger {
    const both = (level: keyof Logger) => (event: Readonly<Record<string, unknown>>) => {
      this.#operations.noteEvent(event);
      log[level](event);
    };
    return { info: both("info"), warn: both("warn"), error: both("error") };
  }

  async render(sources: MetricSources): Promise<string> {
    const stats = await statsOf(sources.engine);
    return renderMetrics([
      {
        name: "dormouse_build_info",
        help: "Always 1; its labels say what runs.",
        type: "gauge",
        series: [{ labels: { version: VERSION, bun: Bun.version }, value: 1 }],
      },
      ...engineMetrics(stats),
      ...stateMetrics(sources),
      ...this.#operations.collect(),
      ...this.#gateway.collect(),
      ...this.#collectApi(),
      ...processMetrics(),
    ]);
  }

  #collectApi(): Metric[] {
    return [
      {
        name: "dormouse_api_requests_total",
        help: "Requests to the control plane that were answered.",
        type: "counter",
        series: this.#apiRequests.series(),
      },
      {
        name: "dormouse_api_request_seconds",
        help: "Time the control plane took to answer.",
        type: "histogram",
        series: [{ histogram: this.#apiDurations }],
      },
      {
        name: "dormouse_errors_total",
        help: "Failures of our own that were answered, by code; an app's are in its status.",
        type: "counter",
        series: this.#errors.series(),
      },
    ];
  }
}

function engineMetrics(stats: EngineStats | undefined): Metric[] {
  const up = gauge("dormouse_engine_up", "1 while the engine answers, else 0.", stats === undefined ? 0 : 1);
  if (stats === undefined) return [up];
  const { sandboxes, engine } = stats;
  return [
    up,
    gauge("dormouse_engine_resident_memory_bytes", "Memory of the engine that is in RAM.", engine.residentBytes),
    counter("dormouse_engine_cpu_seconds_total", "CPU time of the engine, user and system.", engine.cpuSeconds),
    {
      name: "dormouse_sandboxes_memory_bytes",
      help: "Memory of all sandboxes together, in RAM or paged out to zram or swap.",
      type: "gauge",
      series: [
        { labels: { place: "resident" }, value: sandboxes.residentBytes },
        { labels: { place: "paged_out" }, value: sandboxes.pagedOutBytes },
      ],
    },
  ];
}

function stateMetrics({ life, gateway }: MetricSources): Metric[] {
  const series = (label: string, counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([value, count]) => ({ labels: { [label]: value.replaceAll("-", "_") }, value: count }));
  return [
    {
      name: "dormouse_sandboxes",
      help: "Sandboxes by whether they are awake.",
      type: "gauge",
      series: series("state", life.counts()),
    },
    {
      name: "dormouse_gateway_open_connections",
      help: "Streams and WebSockets that are open.",
      type: "gauge",
      series: series("type", gateway.openConnections()),
    },
  ];
}

async function statsOf(engine: MetricSources["engine"]): Promise<EngineStats | undefined> {
  const timeout = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => timeout.resolve(undefined), ENGINE_TIMEOUT_MS);
  try {
    return await Promise.race([engine.stats(), timeout.promise]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
