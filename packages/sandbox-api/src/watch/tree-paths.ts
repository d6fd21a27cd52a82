import { lstatSync, realpathSync, type Stats } from "node:fs";
import { toBuffer, toText } from "./byte-paths.ts";

/** What a client wants to be told of. */
export interface WatchSpec {
  /** Absolute path of the directory; events show it as it is written here. */
  readonly path: string;
  readonly isRecursive: boolean;
  /** A path that holds one of these is not reported; a directory whose path with a slash at the end does is not entered. */
  readonly ignored: readonly string[];
}

/** The paths of one tree: byte strings from its root, such as `/a/b`, empty for the root itself. */
export class TreePaths {
  readonly #realRoot: string;
  readonly #shownRoot: string;
  readonly #ignored: readonly string[];

  /** @throws an errno error when there is nothing at the path. */
  constructor({ path, ignored }: WatchSpec) {
    const real = realpathSync(path, { encoding: "buffer" }).toString("latin1");
    this.#realRoot = real === "/" ? "" : real;
    this.#shownRoot = path === "/" ? "" : path;
    this.#ignored = ignored;
  }

  /** Byte string the system knows it by, free of links. */
  real(path: string): string {
    return this.#realRoot + path || "/";
  }

  /** As the client sees it. */
  shown(path: string): string {
    return this.#shownRoot + toText(path);
  }

  isIgnored(path: string): boolean {
    if (this.#ignored.length === 0) return false;
    const shown = this.shown(path);
    return this.#ignored.some((part) => shown.includes(part));
  }

  /** Of the entry itself, also when it is a link; undefined when it is gone or closed to us. */
  stat(path: string): Stats | undefined {
    try {
      return lstatSync(toBuffer(this.real(path)), { throwIfNoEntry: false });
    } catch {
      return undefined;
    }
  }
}
