import { expect, test } from "bun:test";
import { splitHead, withHead } from "./headed-stream.ts";

const streamOf = (...chunks: readonly string[]): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });

test("the line and the bytes after it come back as they were, however they are cut", async () => {
  const head = { text: "x".repeat(100_000), lines: "a\nb" };
  for (const body of ["", "PK\n\n...", "y".repeat(300_000)]) {
    const split = await splitHead(withHead(head, streamOf(body)));
    expect(split.head).toEqual(head);
    expect(await new Response(split.body).text()).toBe(body);
  }
  const cut = await splitHead(streamOf('{"a"', ":1}", "\nre", "st\n"));
  expect([cut.head, await new Response(cut.body).text()]).toEqual([{ a: 1 }, "rest\n"]);
});

test.each([
  ["", "nothing"],
  ["{}", "no end"],
  ["no json\nx", "no JSON"],
])("%p is refused: %s", async (text) => {
  expect(splitHead(streamOf(text))).rejects.toThrow("does not begin with a line of JSON");
});
