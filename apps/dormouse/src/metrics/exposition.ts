import { BOUNDS_S, type Histogram } from "./histogram.ts";

/** Content type of the text format, which every Prometheus reads. */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export type Labels = Readonly<Record<string, string>>;

interface Named {
  /** Ends in its unit; counters end in `_total`. */
  readonly name: string;
  readonly help: string;
}

/** One metric with all its series. */
export type Metric =
  | (Named & { readonly type: "counter" | "gauge"; readonly series: readonly Series[] })
  | (Named & { readonly type: "histogram"; readonly series: readonly HistogramSeries[] });

export interface Series {
  readonly labels?: Labels;
  readonly value: number;
}

export interface HistogramSeries {
  readonly labels?: Labels;
  readonly histogram: Histogram;
}

/** Source: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format */
export function renderMetrics(metrics: readonly Metric[]): string {
  return metrics.map(renderMetric).join("");
}

function renderMetric(metric: Metric): string {
  const { name, help, type } = metric;
  const lines =
    metric.type === "histogram"
      ? metric.series.flatMap((series) => histogramLines(name, series))
      : metric.series.map(({ labels = {}, value }) => line(name, labels, value));
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...lines, ""].join("\n");
}

function histogramLines(name: string, { labels = {}, histogram }: HistogramSeries): string[] {
  const counts = histogram.cumulativeCounts();
  const buckets = counts.map((count, index) => {
    const bound = BOUNDS_S[index];
    return line(`${name}_bucket`, { ...labels, le: bound === undefined ? "+Inf" : String(bound) }, count);
  });
  return [
    ...buckets,
    line(`${name}_sum`, labels, histogram.sumS),
    line(`${name}_count`, labels, counts[counts.length - 1] ?? 0),
  ];
}

function line(name: string, labels: Labels, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
}

const escape = (text: string): string =>
  text
    .replaceAll("\\", String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll("\n", String.raw`\n`);
