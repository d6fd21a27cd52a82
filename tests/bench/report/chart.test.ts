import { expect, test } from "bun:test";
import { atMost } from "../figure.ts";
import { renderChart } from "./chart.ts";

test("a chart shows what was measured beside its floor, to scale, with targets, and no text can break it", () => {
  const svg = renderChart({
    key: "wake_resident_ms",
    value: { p50: 2, p99: 4, floor_p50: 1 },
    title: `wake → "first" <byte> & more`,
    text: "",
    targets: [atMost(2, 1, "p50 ≤ 1 ms"), atMost(4, 10, "p99 ≤ 10 ms")],
  });
  const bars = [...svg.matchAll(/<rect class="(\w+)".* width="([\d.]+)"/g)].map(([, kind, width]) => [
    kind,
    Number(width),
  ]);
  const [, [, longest] = []] = bars;
  expect(bars).toEqual([
    ["ours", Number(longest) / 2],
    ["ours", Number(longest)],
    ["beside", Number(longest) / 4],
  ]);
  expect(svg).toContain("✘ p50 ≤ 1 ms   ✔ p99 ≤ 10 ms");
  expect(svg).toContain("2 ms");
  expect(svg).toContain("wake → &quot;first&quot; &lt;byte&gt; &amp; more");
});

test("parts that are counted in another unit than the rest are left to the text", () => {
  const value = { lost: 0, api_back_ms: 600, api_back_p50_ms: 500 };
  const svg = renderChart({ key: "kill9", value, title: "kill -9", text: "" });
  expect(svg.match(/<rect/g)).toHaveLength(2);
});
