import { expect, test } from "bun:test";
import { linesOf } from "./lines.ts";

async function linesOfChunks(...chunks: readonly (string | Uint8Array)[]): Promise<string[]> {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks)
        controller.enqueue(typeof chunk === "string" ? Buffer.from(chunk) : new Uint8Array(chunk));
      controller.close();
    },
  });
  return Array.fromAsync(linesOf(new Response(body)));
}

test("lines come whole, wherever the stream is cut", async () => {
  expect(await linesOfChunks("on", "e\r\ntwo\n\nth", "ree")).toEqual(["one", "two", "three"]);
  const [first, second] = [Buffer.from("é\n").subarray(0, 1), Buffer.from("é\n").subarray(1)];
  expect(await linesOfChunks(first, second)).toEqual(["é"]);
  expect(await Array.fromAsync(linesOf(new Response(null)))).toEqual([]);
});

test("a reader that leaves ends the stream", async () => {
  const cancelled = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(Buffer.from("one\n")),
    cancel: () => cancelled.resolve(),
  });
  const leaving = new AbortController();
  const lines: string[] = [];
  for await (const line of linesOf(new Response(body), leaving.signal)) {
    lines.push(line);
    leaving.abort();
  }
  await cancelled.promise;
  expect(lines).toEqual(["one"]);
});
