import { expect, test } from "bun:test";
import { AppError, FairQueue } from "./index.ts";

/** Sections that note when they start and end when they are told to. */
class Work {
  readonly started: string[] = [];
  readonly #ends = new Map<string, () => void>();

  section(name: string): () => Promise<string> {
    return async () => {
      this.started.push(name);
      await new Promise<void>((resolve) => this.#ends.set(name, resolve));
      return name;
    };
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("at most `limit` sections run; keys take turns, and within a key the order stays", async () => {
  const queue = new FairQueue({ limit: 2, maxWaitingCount: 10 });
  const work = new Work();
  const many = ["a1", "a2", "a3", "a4", "a5"].map((name) => queue.run("a", work.section(name)));
  const single = queue.run("b", work.section("b1"));
  expect(work.started).toEqual(["a1", "a2"]);
  await work.end("a1");
  await work.end("a2");
  expect(work.started).toEqual(["a1", "a2", "a3", "b1"]);
  for (const name of ["b1", "a3", "a4", "a5"]) await work.end(name);
  expect(work.started).toEqual(["a1", "a2", "a3", "b1", "a4", "a5"]);
  expect(await Promise.all([...many, single])).toEqual(["a1", "a2", "a3", "a4", "a5", "b1"]);
});

test("a section that fails gives its place on", async () => {
  const queue = new FairQueue({ limit: 1, maxWaitingCount: 1 });
  const failing = queue.run("a", () => Promise.reject(new Error("broken")));
  const next = queue.run("a", async () => "next");
  await expect(failing).rejects.toThrow("broken");
  expect(await next).toBe("next");
  expect(await queue.run("a", async () => "idle again")).toBe("idle again");
});

test("who waits too long a line is refused with a time to come back; others may still wait", async () => {
  const queue = new FairQueue({ limit: 1, maxWaitingCount: 1 });
  const work = new Work();
  const all = [queue.run("a", work.section("a1")), queue.run("a", work.section("a2"))];
  const refusal = await queue.run("a", work.section("a3")).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: "RATE_LIMITED", retryAfterS: 5 });
  expect(refusal).toBeInstanceOf(AppError);
  all.push(queue.run("b", work.section("b1")));
  for (const name of ["a1", "a2", "b1"]) await work.end(name);
  await Promise.all(all);
  expect(work.started).toEqual(["a1", "a2", "b1"]);
});

test("one that leaves while it waits is taken out; one that runs goes on", async () => {
  const queue = new FairQueue({ limit: 1, maxWaitingCount: 1 });
  const work = new Work();
  const [running, waiting] = [new AbortController(), new AbortController()];
  const first = queue.run("a", work.section("a1"), running.signal);
  const second = queue.run("a", work.section("a2"), waiting.signal);
  running.abort();
  waiting.abort(new Error("left"));
  await expect(second).rejects.toThrow("left");
  const third = queue.run("a", work.section("a3"));
  await work.end("a1");
  expect(await first).toBe("a1");
  await work.end("a3");
  expect(await third).toBe("a3");
  expect(work.started).toEqual(["a1", "a3"]);
  await expect(queue.run("a", work.section("a4"), waiting.signal)).rejects.toThrow("left");
});
