/** A scrape: every series by its name and labels as they stand, such as `requests_total{status="2xx"}`. */
export type Scrape = ReadonlyMap<string, number>;

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const HELP_LINE = new RegExp(`^# HELP (${NAME}) \\S.*$`);
const TYPE_LINE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`);
const LABEL = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"`;
const SAMPLE_LINE = new RegExp(String.raw`^(${NAME})(\{${LABEL}(?:,${LABEL})*\})? (\d+(?:\.\d+)?(?:e[+-]?\d+)?)$`);

interface Family {
  readonly name: string;
  readonly type: string;
  readonly samples: Map<string, number>;
}

/**
 * Reads Prometheus's text format 0.0.4 and refuses whatever it forbids or `promtool check metrics` warns of: a metric without
 * help or type, two of one name, a series twice, a counter not called `_total`, a histogram whose buckets shrink or disagree with its count.
 */
export function parseExposition(text: string): Scrape {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const families: Family[] = [];
  let helped: string | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const [, helpName] = HELP_LINE.exec(line) ?? [];
    const [, typeName, type] = TYPE_LINE.exec(line) ?? [];
    if (helpName !== undefined) helped = helpName;
    else if (typeName !== undefined && type !== undefined)
      families.push(beginFamily(families, { typeName, type, helped }));
    else addSample(families.at(-1), line);
  }
  for (const family of families) checkFamily(family);
  return new Map(families.flatMap(({ samples }) => [...samples]));
}

function beginFamily(
  families: readonly Family[],
  { typeName, type, helped }: { typeName: string; type: string; helped: string | undefined },
): Family {
  if (helped !== typeName) throw new Error(`${typeName} has no help before its type`);
  if (families.some(({ name }) => name === typeName)) throw new Error(`${typeName} is there twice`);
  return { name: typeName, type, samples: new Map() };
}

function addSample(family: Family | undefined, line: string): void {
  const [, name, labels = "", value] = SAMPLE_LINE.exec(line) ?? [];
  if (name === undefined) throw new Error(`not a line of the format: ${line}`);
  const suffixes = family?.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
  if (family === undefined || !suffixes.some((suffix) => name === family.name + suffix))
    throw new Error(`${name} stands under ${family?.name ?? "nothing"}`);
  const key = name + labels;
  if (family.samples.has(key)) throw new Error(`${key} is there twice`);
  family.samples.set(key, Number(value));
}

function checkFamily({ name, type, samples }: Family): void {
  if ((type === "counter") !== name.endsWith("_total")) throw new Error(`${name} is a ${type}`);
  if (type !== "histogram") return;
  const lastCounts = new Map<string, number>();
  for (const [key, value] of samples) {
    const [, others, bound] = /_bucket\{(.*?),?le="([^"]+)"\}$/.exec(key) ?? [];
    if (others === undefined) continue;
    if (value < (lastCounts.get(others) ?? 0)) throw new Error(`${key} is less than the bucket before`);
    lastCounts.set(others, value);
    const count = samples.get(`${name}_count${others === "" ? "" : `{${others}}`}`);
    if (bound === "+Inf" && value !== count) throw new Error(`${key} is not the count, ${count}`);
  }
  if (lastCounts.size === 0) throw new Error(`${name} has no buckets`);
}
