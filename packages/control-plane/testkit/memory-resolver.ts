import { AppError } from "@dormouse/kernel";
import type { Resolver } from "../src/ports.ts";

/** A DNS that answers what a test has put into it. */
export class MemoryResolver implements Resolver {
  readonly txt = new Map<string, readonly string[]>();
  readonly cname = new Map<string, string>();
  /** False: it answers nobody. */
  isReachable = true;
  /** Awaited before every answer. */
  beforeAnswer: () => Promise<void> = () => Promise.resolve();

  async resolveTxt(name: string): Promise<readonly string[]> {
    await this.#answer(name);
    return this.txt.get(name) ?? [];
  }

  async resolveCname(name: string): Promise<readonly string[]> {
    await this.#answer(name);
    const target = this.cname.get(name);
    return target === undefined ? [] : [target];
  }

  async #answer(name: string): Promise<void> {
    await this.beforeAnswer();
    if (!this.isReachable) throw new AppError("UPSTREAM_UNREACHABLE", `Cannot ask DNS about "${name}": no answer`);
  }
}
