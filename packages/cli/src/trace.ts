import { redactSecrets } from "@dormouse/kernel";
import type { Fetch } from "@dormouse/sdk";
import type { Io } from "./io.ts";
import { paintFor } from "./output/styles.ts";

/** Says on stderr what is asked and answered: `--verbose`. */
export function traced(io: Io): Fetch {
  const paint = paintFor(io, "stderr");
  const say = (text: string): void => {
    io.stderr.write(`${paint("dim", redactSecrets(text))}\n`);
  };
  return async (url, init) => {
    const startedAtMs = performance.now();
    const elapsedMs = (): number => Math.round(performance.now() - startedAtMs);
    try {
      const response = await io.fetch(url, init);
      say(`${init.method ?? "GET"} ${url} → ${response.status} after ${elapsedMs()} ms`);
      return response;
    } catch (error) {
      say(`${init.method ?? "GET"} ${url} → no answer after ${elapsedMs()} ms`);
      throw error;
    }
  };
}
