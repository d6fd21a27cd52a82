import { totalmem } from "node:os";
import { addZramSwap, removeZramSwap, type SwapDevice, usedRamBytes, zramSwap } from "@dormouse/engine";

const LABEL = "dormouse";
const MIB = 2 ** 20;

/** Makes the swap and says what there is. Idempotent. @throws {AppError} HOST_UNSUITABLE */
export async function runZramOn(): Promise<void> {
  /* As large as the memory: a page takes no more in it than outside, so however full it is, it only gains. */
  const sizeBytes = Math.floor(totalmem() / MIB) * MIB;
  process.stdout.write(`zram is on: ${describe(await addZramSwap(LABEL, sizeBytes))}\n`);
}

/** Takes it away. Idempotent. @throws {AppError} INTERNAL when its content does not fit into RAM */
export async function runZramOff(): Promise<void> {
  const wasOn = zramSwap(LABEL) !== undefined;
  await removeZramSwap(LABEL);
  process.stdout.write(wasOn ? "zram is off\n" : "zram was not on\n");
}

function describe(swap: SwapDevice): string {
  const mib = (bytes: number): number => Math.round(bytes / MIB);
  return `${swap.path}, ${mib(swap.sizeBytes)} MiB; ${mib(swap.usedBytes)} MiB used, in ${mib(usedRamBytes(swap))} MiB of RAM`;
}
