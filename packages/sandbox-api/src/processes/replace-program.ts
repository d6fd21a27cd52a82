import { readdirSync } from "node:fs";
import { type Libc, setInherited } from "./libc.ts";

export interface Replacement {
  /** Path of the executable and its arguments. */
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** Descriptors that stay open besides the first three, under their numbers. */
  readonly inherited: readonly number[];
}

const FIRST_OWN_FD = 3;

/**
 * Becomes another program: same pid, same children. The runtime's own `process.execve` closes every descriptor.
 * @throws {Error} when that fails, and then this program goes on as it was.
 */
export function replaceProgram(libc: Libc, { argv, env, inherited }: Replacement): never {
  for (const name of readdirSync("/proc/self/fd")) {
    if (Number(name) >= FIRST_OWN_FD) setInherited(libc, Number(name), false);
  }
  for (const fd of inherited) setInherited(libc, fd, true);
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const [args, vars] = [new StringArray(libc, argv), new StringArray(libc, variables)];
  libc.execve(terminated(argv[0]), args.pointers, vars.pointers);
  for (const fd of inherited) setInherited(libc, fd, false);
  throw new Error(`Cannot execute "${argv[0]}": the system refuses it`);
}

/** `char *const []` as C takes it. What it points to lives as long as it does. */
class StringArray {
  readonly pointers: BigUint64Array;
  readonly #strings: readonly Uint8Array[];

  constructor(libc: Libc, strings: readonly string[]) {
    this.#strings = strings.map(terminated);
    this.pointers = new BigUint64Array(this.#strings.length + 1);
    for (const [index, bytes] of this.#strings.entries()) this.pointers[index] = BigInt(libc.addressOf(bytes));
  }
}

const terminated = (text: string): Uint8Array => Buffer.from(`${text}\0`);
