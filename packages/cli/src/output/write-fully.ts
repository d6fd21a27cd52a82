import type { Output } from "../io.ts";

/** Writes at the pace of whoever reads, so that what waits for them does not fill the memory. */
export async function writeFully(output: Output, bytes: Uint8Array): Promise<void> {
  if (output.write(bytes) !== false || output.once === undefined) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  output.once("drain", () => resolve());
  await promise;
}
