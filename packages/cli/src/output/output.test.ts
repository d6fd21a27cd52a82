import { expect, test } from "bun:test";
import { formatBytes, formatMegabytes } from "../resources/sizes.ts";
import { describeProgress } from "./progress.ts";
import { paintFor } from "./styles.ts";
import { renderTable, type TableColumn, truncate } from "./table.ts";
import { colourYaml, toYaml } from "./yaml.ts";

test("a table is as wide as what is in it, in columns of a terminal", () => {
  expect(
    renderTable(
      [{ heading: "NAME" }, { heading: "N" }],
      [
        ["日本", "1"],
        ["b", "22"],
      ],
    ),
  ).toBe(
    ["+------+----+", "| NAME | N  |", "+------+----+", "| 日本 | 1  |", "| b    | 22 |", "+------+----+", ""].join(
      "\n",
    ),
  );
  expect(renderTable([{ heading: "A" }], [])).toBe("+---+\n| A |\n+---+\n");
  expect([truncate("abcdefgh", 8), truncate("abcdefghi", 8), truncate("日本語", 4)]).toEqual([
    "abcdefgh",
    "abcdefg…",
    "日…",
  ]);
});

test("a table in a narrow terminal: the widest that may be cut gives way first, then columns go; names stay whole", () => {
  const columns: TableColumn[] = [
    { heading: "WORKSPACE", whenNarrow: "leave out" },
    { heading: "NAME" },
    { heading: "IMAGE", whenNarrow: "cut" },
    { heading: "URL", whenNarrow: "cut" },
  ];
  const row = ["default", "a-name-of-some-length", "an-image-of-a-registry", "http://127.0.0.1:4111/preview/x"];
  const rowAt = (width?: number): string => renderTable(columns, [row], width).split("\n")[3] ?? "";
  expect(rowAt()).toContain(row.join(" | ").replace("default", "default  "));
  expect(rowAt(80)).toBe("| default   | a-name-of-some-length | an-image-of-a-reg… | http://127.0.0.1:4… |");
  expect(rowAt(50)).toBe("| a-name-of-some-length | an-image… | http://12… |");
  expect(rowAt(20)).toBe("| a-name-of-some-length | an-imag… | http://… |");
});

test("sizes", () => {
  expect([0, 1023, 1024, 1_572_864, 5 * 2 ** 40].map(formatBytes)).toEqual([
    "0 B",
    "1023 B",
    "1.00 KB",
    "1.50 MB",
    "5.00 TB",
  ]);
  expect([512, 1536].map(formatMegabytes)).toEqual(["512 MB", "1.50 GB"]);
});

test("progress: how much, how fast, how long still", () => {
  const state = { doneBytes: 5 * 2 ** 20, totalBytes: 10 * 2 ** 20, elapsedMs: 2000 };
  expect(describeProgress(state)).toBe("[==========>         ] 5.00 MB of 10.00 MB - 50% - 2.50 MB/s - ETA 2s");
  expect(describeProgress({ ...state, totalBytes: undefined })).toBe("5.00 MB - 2.50 MB/s");
  expect(describeProgress({ ...state, doneBytes: state.totalBytes })).toContain(
    "[====================] 10.00 MB of 10.00 MB - 100%",
  );
});

test.each([
  [{}, true, true],
  [{}, false, false],
  [{ NO_COLOR: "1" }, true, false],
  [{ TERM: "dumb" }, true, false],
  [{ FORCE_COLOR: "1" }, false, true],
])("colours with %o on a terminal (%p): %p", (env, stdout, isColoured) => {
  const io = { env, isTty: { stdin: false, stdout, stderr: false } };
  expect(paintFor(io, "stdout")("red", "x")).toBe(isColoured ? "\u001b[31mx\u001b[39m" : "x");
});

test("YAML in colours: keys, texts in quotes, numbers", () => {
  const paint = (style: string, text: string) => `<${style}>${text}</>`;
  const yaml = toYaml({ a: { b: "1", c: 2, list: ["x"] }, url: "http://x" });
  expect(colourYaml(yaml, paint)).toBe(
    '<blue>a</>:\n  <blue>b</>: <green>"1"</>\n  <blue>c</>: <yellow>2</>\n  <blue>list</>:\n    - x\n<blue>url</>: http://x\n',
  );
});
