import type { GatewayMeter } from "@dormouse/gateway";
import type { Metric } from "./exposition.ts";
import { Histogram } from "./histogram.ts";

type PlaceKind = Parameters<GatewayMeter["noteAnswer"]>[0];

/** What an address points to, as `kind` says it. */
const KINDS = ["sandbox", "preview", "domain"] as const;
const KIND_INDEX: Readonly<Record<PlaceKind, number>> = {
  sandbox: 0,
  "labelled-sandbox": 0,
  preview: 1,
  domain: 2,
};

/** From "1xx" to "5xx". */
const CLASS_COUNT = 5;

/** What passes through the gateway: per request two additions to arrays, 10 ns (decision 0017). */
export class GatewayMetrics {
  readonly #counts = new Float64Array(KINDS.length * CLASS_COUNT);
  readonly #durations = KINDS.map(() => new Histogram());

  noteAnswer(kind: PlaceKind, status: number, durationMs: number): void {
    const kindIndex = KIND_INDEX[kind];
    const statusClass = Math.min(Math.max(Math.floor(status / 100), 1), CLASS_COUNT);
    const index = kindIndex * CLASS_COUNT + statusClass - 1;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#durations[kindIndex]?.note(durationMs);
  }

  collect(): Metric[] {
    const requests = Array.from(this.#counts, (value, index) => ({
      labels: { kind: KINDS[Math.floor(index / CLASS_COUNT)] ?? "", status: `${(index % CLASS_COUNT) + 1}xx` },
      value,
    }));
    const durations = this.#durations.map((histogram, index) => ({ labels: { kind: KINDS[index] ?? "" }, histogram }));
    return [
      {
        name: "dormouse_gateway_requests_total",
        help: "Requests to sandboxes, previews and custom domains that were answered; 1xx are WebSockets.",
        type: "counter",
        series: requests,
      },
      {
        name: "dormouse_gateway_request_seconds",
        help: "Time to the head of the answer, a wake included.",
        type: "histogram",
        series: durations,
      },
    ];
  }
}
