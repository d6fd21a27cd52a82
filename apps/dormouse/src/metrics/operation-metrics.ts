import { Counter } from "./counter.ts";
import type { Metric } from "./exposition.ts";
import { Histogram } from "./histogram.ts";

/** An event of the log that is an operation's; whatever lacks one of these is none. */
interface OperationEvent {
  readonly event: string;
  readonly outcome: string;
  readonly durationMs: number;
  readonly code?: unknown;
}

/** Events that have metrics of their own. */
const MEASURED: readonly { readonly thing: string; readonly verb: string }[] = [
  { thing: "sandbox", verb: "create" },
  { thing: "sandbox", verb: "wake" },
  { thing: "sandbox", verb: "sleep" },
  { thing: "sandbox", verb: "delete" },
  { thing: "image", verb: "build" },
];

/** What was done and how it ended, counted from the events of the log, so that the two never disagree. */
export class OperationMetrics {
  readonly #all = new Counter("operation", "outcome");
  readonly #lives = new Map(
    MEASURED.map(({ thing, verb }) => {
      const total = new Counter("outcome", "code");
      // A series that begins at 1 would hide its first increase.
      total.add({ outcome: "success", code: "" }, 0);
      return [`${thing}.${verb}`, { thing, verb, total, durations: new Histogram() }];
    }),
  );

  noteEvent(event: Readonly<Record<string, unknown>>): void {
    if (!isOperation(event)) return;
    const { outcome, durationMs } = event;
    this.#all.add({ operation: event.event, outcome });
    const life = this.#lives.get(event.event);
    life?.total.add({ outcome, code: typeof event.code === "string" ? event.code : "" });
    // A refusal takes no time and would make everything look fast.
    if (outcome === "success") life?.durations.note(durationMs);
  }

  collect(): Metric[] {
    const lives = [...this.#lives.values()].flatMap(({ thing, verb, total, durations }): Metric[] => [
      {
        name: `dormouse_${thing}_${verb}s_total`,
        help: `Attempts to ${verb} ${article(thing)}, by how they ended.`,
        type: "counter",
        series: total.series(),
      },
      {
        name: `dormouse_${thing}_${verb}_seconds`,
        help: `Time to ${verb} ${article(thing)}, where that succeeded.`,
        type: "histogram",
        series: [{ histogram: durations }],
      },
    ]);
    return [
      ...lives,
      {
        name: "dormouse_operations_total",
        help: "Everything that changed something, by the name of its event in the log.",
        type: "counter",
        series: this.#all.series(),
      },
    ];
  }
}

const article = (thing: string): string => (thing === "image" ? "an image" : `a ${thing}`);

function isOperation(
  event: Readonly<Record<string, unknown>>,
): event is Readonly<Record<string, unknown>> & OperationEvent {
  return (
    typeof event["event"] === "string" &&
    typeof event["outcome"] === "string" &&
    typeof event["durationMs"] === "number"
  );
}
