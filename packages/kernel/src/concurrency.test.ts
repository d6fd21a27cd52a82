import { expect, test } from "bun:test";
import { KeyedMutex, Mutex, Semaphore, SingleFlight } from "./index.ts";

test("Mutex runs sections one at a time, in arrival order, also after one that throws", async () => {
  const mutex = new Mutex();
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = mutex.run(async () => {
    await gate.promise;
    order.push("first");
    throw new Error("first fails");
  });
  const second = mutex.run(async () => void order.push("second"));
  gate.resolve();
  await expect(first).rejects.toThrow("first fails");
  await second;
  expect(order).toEqual(["first", "second"]);
});

test("KeyedMutex holds back only sections of the same key", async () => {
  const mutexes = new KeyedMutex();
  const gate = Promise.withResolvers<void>();
  const held = mutexes.run("a", () => gate.promise);
  expect(await mutexes.run("b", async () => "passes")).toBe("passes");
  gate.resolve();
  await held;
});

test("SingleFlight shares one run per key and starts anew after it settled", async () => {
  const flights = new SingleFlight<number>();
  let runCount = 0;
  const run = () => flights.run("key", async () => ++runCount);
  expect(await Promise.all([run(), run(), run()])).toEqual([1, 1, 1]);
  expect(await run()).toBe(2);
});

test("Semaphore never runs more sections at once than its limit, and says when none runs", async () => {
  const semaphore = new Semaphore(2);
  let activeCount = 0;
  let mostActive = 0;
  const section = () =>
    semaphore.run(async () => {
      mostActive = Math.max(mostActive, ++activeCount);
      await new Promise((resolve) => setImmediate(resolve));
      activeCount -= 1;
    });
  const all = Promise.all(Array.from({ length: 7 }, section));
  expect(semaphore.isIdle).toBe(false);
  await all;
  expect(mostActive).toBe(2);
  expect(semaphore.isIdle).toBe(true);
});
