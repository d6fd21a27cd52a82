import { close } from "node:fs";
import type { ReadableStreamDefaultReader } from "node:stream/web";
import { IN_IGNORED, IN_Q_OVERFLOW, type InotifyEvent, parseEvents } from "./inotify-events.ts";
import { loadWatchCalls, type WatchCalls } from "./system-calls.ts";
import { nextTurn, TURN_MS } from "./turns.ts";

const IN_ONLYDIR = 0x1000000;
const IN_DONT_FOLLOW = 0x2000000;
/** Several watchers may want different things of a directory: it tells all of them everything that one of them wants. */
const IN_MASK_ADD = 0x20000000;

/** A read that gave less than this has emptied the queue. */
const FULL_READ_BYTES = 64 * 1024;
/** How long before it is seen here an event may have been queued, at most. */
const READ_LAG_MS = 1000;

/** Told what happens in a directory. */
export interface WatchListener {
  onEvent(event: InotifyEvent): void;
}

/** Told what concerns all watches. */
export interface InotifyUser {
  /** Events were lost, none of them from before `lostSinceMs` (Unix time). */
  onOverflow(lostSinceMs: number): void;
  /** No more events will come. */
  onBroken(cause: unknown): void;
}

/** The runtime's own reader type and the one of its types package do not fit together. */
type EventReader = Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel">;

interface OpenInotify {
  readonly calls: WatchCalls;
  readonly fd: number;
  readonly reader: EventReader;
  readonly listeners: Map<number, WatchListener[]>;
}

/**
 * The one inotify(7) instance of the agent, open while it has users: a Linux user may have 128. A watch belongs to the
 * directory itself and is shared by all who listen to it.
 */
export class Inotify {
  readonly #users = new Set<InotifyUser>();
  #open: OpenInotify | null = null;
  #emptiedAtMs = 0;

  /** @throws an errno error, `EMFILE` when there are too many instances. */
  async join(user: InotifyUser): Promise<WatchCalls> {
    const calls = await loadWatchCalls();
    this.#open ??= this.#start(calls);
    this.#users.add(user);
    return calls;
  }

  /** The last to leave closes it, with all that is still watched. Idempotent. */
  leave(user: InotifyUser): void {
    if (!this.#users.delete(user) || this.#users.size > 0 || this.#open === null) return;
    const { fd, reader } = this.#open;
    this.#open = null;
    // The reader has a descriptor of its own. Whichever is closed last ends all watches, which takes a while: not in this thread.
    void reader.cancel().catch(() => undefined);
    close(fd, () => {});
  }

  isUsedOnlyBy(user: InotifyUser): boolean {
    return this.#users.size === 1 && this.#users.has(user);
  }

  /** Number of the watch on a directory; the caller listens to it next. @throws an errno error, `ENOSPC` at the limit of watches. */
  watch(path: string, mask: number): number {
    const { calls, fd } = this.#requireOpen();
    return calls.addWatch(fd, path, mask | IN_ONLYDIR | IN_DONT_FOLLOW | IN_MASK_ADD);
  }

  listen(watchNumber: number, listener: WatchListener): void {
    const { listeners } = this.#requireOpen();
    listeners.set(watchNumber, [...(listeners.get(watchNumber) ?? []), listener]);
  }

  /** The watch goes with its last listener. Idempotent. */
  unlisten(watchNumber: number, listener: WatchListener): void {
    if (this.#open === null) return;
    const { calls, fd, listeners } = this.#open;
    const before = listeners.get(watchNumber);
    if (before === undefined) return;
    const left = before.filter((other) => other !== listener);
    if (left.length > 0) return void listeners.set(watchNumber, left);
    listeners.delete(watchNumber);
    calls.removeWatch(fd, watchNumber);
  }

  #requireOpen(): OpenInotify {
    if (this.#open === null) throw new TypeError("inotify is not open: its user has not joined");
    return this.#open;
  }

  #start(calls: WatchCalls): OpenInotify {
    const fd = calls.openInotify();
    // The runtime waits for the descriptor with epoll, like for a socket.
    const reader = Bun.file(fd).stream().getReader();
    const opened: OpenInotify = { calls, fd, reader, listeners: new Map() };
    this.#emptiedAtMs = Date.now();
    void this.#read(opened).catch((cause: unknown) => this.#announceBroken(opened, cause));
    return opened;
  }

  async #read(opened: OpenInotify): Promise<void> {
    for (;;) {
      const { value, done } = await opened.reader.read();
      if (this.#open !== opened) return;
      if (done) throw new Error("inotify descriptor: end of file");
      const readAtMs = Date.now();
      await this.#dispatchAll(opened, value);
      if (value.length < FULL_READ_BYTES) this.#emptiedAtMs = readAtMs;
    }
  }

  async #dispatchAll(opened: OpenInotify, bytes: Uint8Array): Promise<void> {
    let turnEndMs = performance.now() + TURN_MS;
    for (const event of parseEvents(bytes)) {
      this.#dispatch(opened, event);
      if (this.#open !== opened) return;
      if (performance.now() < turnEndMs) continue;
      await nextTurn();
      turnEndMs = performance.now() + TURN_MS;
    }
  }

  #dispatch({ listeners }: OpenInotify, event: InotifyEvent): void {
    if ((event.mask & IN_Q_OVERFLOW) !== 0) {
      for (const user of this.#users) user.onOverflow(this.#emptiedAtMs - READ_LAG_MS);
    }
    for (const listener of listeners.get(event.watchNumber) ?? []) listener.onEvent(event);
    if ((event.mask & IN_IGNORED) !== 0) listeners.delete(event.watchNumber);
  }

  #announceBroken(opened: OpenInotify, cause: unknown): void {
    if (this.#open !== opened) return;
    for (const user of this.#users) user.onBroken(cause);
  }
}
