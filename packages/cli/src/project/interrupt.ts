import type { Io } from "../io.ts";

/** Runs with a signal that Ctrl-C aborts. */
export async function untilInterrupted<T>(io: Io, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  using handlers = new DisposableStack();
  for (const signal of ["SIGINT", "SIGTERM"] as const) handlers.use(io.onSignal(signal, () => controller.abort()));
  return await run(controller.signal);
}
