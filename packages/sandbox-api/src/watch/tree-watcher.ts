import { AppError } from "@dormouse/kernel";
import { hasErrorCode, systemErrorText } from "../http.ts";
import { type DirectoryEntry, listEntries } from "./directory-entries.ts";
import { Directory, type DirectoryOwner } from "./directory.ts";
import { errorLine, eventLine, EventLines } from "./event-lines.ts";
import * as masks from "./inotify-events.ts";
import type { Inotify, InotifyUser } from "./inotify.ts";
import { guardRoot } from "./root-guard.ts";
import { SlicedWork } from "./sliced-work.ts";
import type { WatchCalls } from "./system-calls.ts";
import { TreePaths, type WatchSpec } from "./tree-paths.ts";

/** What of a directory's entries a scan reports. */
interface Scan {
  /** Unix time; earlier changes than the answer to the client are never reported. Null: all entries are, they are new. */
  readonly changedSinceMs: number | null;
  /** True when directories known already are to be looked into again. */
  readonly isRepeated: boolean;
}

const FIRST_SCAN: Scan = { changedSinceMs: 0, isRepeated: false };
const SCAN_OF_NEW: Scan = { changedSinceMs: null, isRepeated: false };
/** By how much the clock of a filesystem may be behind. */
const FILE_CLOCK_LAG_MS = 10;

const LOST_TEXT = "events were lost: changes came too fast; what has changed since is reported as CREATE";
const LIMIT_TEXT = "the limit of watched directories is reached (fs.inotify.max_user_watches)";

/**
 * What happens in a directory, or in all of the tree below it, as lines for one client. A directory that appears is watched
 * first and listed then: what is in it is reported, some of it perhaps twice. Ends when the directory itself goes away.
 */
export class TreeWatcher implements InotifyUser, DirectoryOwner {
  readonly lines = new EventLines();
  readonly #inotify: Inotify;
  readonly #spec: WatchSpec;
  readonly #paths: TreePaths;
  readonly #work = new SlicedWork(() => this.lines.whenRoomy());
  #calls: WatchCalls | null = null;
  #root: Directory | null = null;
  #guard: Disposable | null = null;
  #answeredAtMs = Infinity;
  #lostSinceMs: number | null = null;
  #isCatchingUp = false;
  #isClosed = false;
  #failure: AppError | null = null;

  /** @throws an errno error when there is nothing at the path. */
  constructor(inotify: Inotify, spec: WatchSpec) {
    this.#inotify = inotify;
    this.#spec = spec;
    this.#paths = new TreePaths(spec);
  }

  /** Why watching has ended, when it was not because the directory has gone. */
  get failure(): AppError | null {
    return this.#failure;
  }

  /** Watches the directory, and begins with those below it. @throws an errno error when it cannot be watched. */
  async start(): Promise<void> {
    this.#calls = await this.#inotify.join(this);
    if (this.#isClosed) return this.#inotify.leave(this);
    try {
      const watchNumber = this.#inotify.watch(this.#paths.real(""), masks.WATCHED);
      this.#root = new Directory(this, { parent: null, path: "" }, watchNumber);
    } catch (error) {
      this.close();
      throw hasErrorCode(error, "ENOSPC") ? this.#failureOf(LIMIT_TEXT) : error;
    }
    this.#inotify.listen(this.#root.watchNumber, this.#root);
    this.#guard = guardRoot(this.#inotify, this.#paths.real(""), (operation) => this.#endWith(operation));
    if (this.#spec.isRecursive) this.#work.add(this.#scan(this.#root, FIRST_SCAN));
  }

  /** Resolves once all directories that were there are watched. */
  whenComplete(): Promise<void> {
    return this.#work.whenIdle();
  }

  /** From now on nothing may be missed, also in directories whose watch is yet to be set. */
  markAnswered(): void {
    this.#answeredAtMs = Date.now();
  }

  /** Stops watching and ends the lines. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.lines.end();
    this.#work.clear();
    if (this.#root === null || this.#inotify.isUsedOnlyBy(this)) return this.#inotify.leave(this);
    void this.#leave(this.#root);
  }

  onEvent(directory: Directory, { mask, name }: masks.InotifyEvent): void {
    if (this.#isClosed) return;
    if (name === "") return this.#onSelfEvent(directory, mask);
    this.#report(masks.operationsOf(mask), `${directory.path}/${name}`);
    if ((mask & masks.IN_ISDIR) === 0 || !this.#spec.isRecursive) return;
    if ((mask & (masks.IN_DELETE | masks.IN_MOVED_FROM)) !== 0) this.#forget(directory, name);
    if ((mask & (masks.IN_CREATE | masks.IN_MOVED_TO)) !== 0) this.#meet(directory, name, SCAN_OF_NEW);
  }

  /** What was lost cannot be had again, but what is there now can be. */
  onOverflow(lostSinceMs: number): void {
    this.#push(errorLine(this.#spec.path, LOST_TEXT));
    this.#lostSinceMs ??= lostSinceMs;
    if (!this.#isCatchingUp) void this.#catchUp();
  }

  onBroken(cause: unknown): void {
    this.#fail(systemErrorText(cause));
  }

  /** Other directories are spoken of by the one above, which is watched too. */
  #onSelfEvent(directory: Directory, mask: number): void {
    if (directory !== this.#root) return;
    if ((mask & masks.IN_ATTRIB) !== 0) this.#report("CHMOD", "");
    if ((mask & masks.IN_MOVE_SELF) !== 0) this.#endWith("RENAME");
    if ((mask & (masks.IN_DELETE_SELF | masks.IN_UNMOUNT | masks.IN_IGNORED)) !== 0) this.#endWith("REMOVE");
  }

  #endWith(operation: "REMOVE" | "RENAME"): void {
    this.lines.end(eventLine(operation, this.#spec.path));
    this.close();
  }

  #fail(reason: string): void {
    if (this.#isClosed) return;
    this.#failure = this.#failureOf(reason);
    this.lines.end(errorLine(this.#spec.path, this.#failure.message));
    this.close();
  }

  #failureOf(reason: string): AppError {
    return new AppError("UNPROCESSABLE", `cannot watch '${this.#spec.path}': ${reason}`);
  }

  #report(operations: string, path: string): void {
    if (!this.#paths.isIgnored(path)) this.#push(eventLine(operations, this.#paths.shown(path)));
  }

  #push(line: string): void {
    if (!this.lines.push(line)) this.#fail("the client reads too slowly");
  }

  /** Watches a directory of the tree, unless it is watched already, and reports what is in it. */
  #meet(parent: Directory, name: string, scan: Scan): void {
    const path = `${parent.path}/${name}`;
    if (this.#paths.isIgnored(`${path}/`)) return;
    const watchNumber = this.#watch(path);
    if (watchNumber === null || watchNumber === parent.children.get(name)?.watchNumber) return;
    this.#forget(parent, name);
    const met = new Directory(this, { parent, path }, watchNumber);
    parent.children.set(name, met);
    this.#inotify.listen(watchNumber, met);
    this.#work.add(this.#scan(met, scan));
  }

  /** Null when it is gone, is no directory, or is closed to us. */
  #watch(path: string): number | null {
    try {
      return this.#inotify.watch(this.#paths.real(path), masks.WATCHED);
    } catch (error) {
      if (hasErrorCode(error, "ENOSPC")) this.#fail(LIMIT_TEXT);
      else if (hasErrorCode(error, "ENOMEM")) this.onBroken(error);
      return null;
    }
  }

  #forget(parent: Directory, name: string): void {
    const forgotten = parent.forget(name);
    if (forgotten !== undefined) this.#work.add(this.#release(forgotten));
  }

  *#release(top: Directory): Generator<void, void, undefined> {
    for (const directory of top.subtree()) {
      this.#inotify.unlisten(directory.watchNumber, directory);
      yield;
    }
  }

  *#scan(directory: Directory, scan: Scan): Generator<void, void, undefined> {
    if (this.#calls === null) return;
    const known = scan.isRepeated ? [...directory.children.keys()] : [];
    for (const entries of listEntries(this.#calls, this.#paths.real(directory.path))) {
      for (const entry of entries) {
        if (this.#isClosed || !directory.isInTree()) return;
        this.#onEntry(directory, entry, scan);
      }
      yield;
    }
    for (const name of known) this.#dropIfGone(directory, name);
  }

  #onEntry(directory: Directory, { name, isDirectory }: DirectoryEntry, scan: Scan): void {
    const path = `${directory.path}/${name}`;
    const isNew = this.#hasChanged(path, scan);
    if (isNew) this.#report("CREATE", path);
    if (!(isDirectory ?? this.#paths.stat(path)?.isDirectory() ?? false)) return this.#forget(directory, name);
    if (!this.#spec.isRecursive) return;
    const known = directory.children.get(name);
    this.#meet(directory, name, isNew ? SCAN_OF_NEW : scan);
    const isSame = known !== undefined && directory.children.get(name) === known;
    if (isSame && scan.isRepeated) this.#work.add(this.#scan(known, scan));
  }

  #hasChanged(path: string, { changedSinceMs }: Scan): boolean {
    if (changedSinceMs === null) return true;
    const sinceMs = Math.max(changedSinceMs, this.#answeredAtMs - FILE_CLOCK_LAG_MS);
    return sinceMs !== Infinity && (this.#paths.stat(path)?.ctimeMs ?? 0) >= sinceMs;
  }

  #dropIfGone(directory: Directory, name: string): void {
    const path = `${directory.path}/${name}`;
    if (!directory.children.has(name) || this.#paths.stat(path)?.isDirectory() === true) return;
    this.#forget(directory, name);
    this.#report("REMOVE", path);
  }

  /** Others go on: only what is not watched for them ends. */
  async #leave(root: Directory): Promise<void> {
    this.#work.add(this.#release(root));
    await this.#work.whenIdle();
    this.#guard?.[Symbol.dispose]();
    this.#inotify.leave(this);
  }

  async #catchUp(): Promise<void> {
    this.#isCatchingUp = true;
    while (this.#lostSinceMs !== null && this.#root !== null && !this.#isClosed) {
      const changedSinceMs = this.#lostSinceMs;
      this.#lostSinceMs = null;
      this.#work.add(this.#scan(this.#root, { changedSinceMs, isRepeated: true }));
      await this.#work.whenIdle();
    }
    this.#isCatchingUp = false;
  }
}
