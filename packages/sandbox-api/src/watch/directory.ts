import type { InotifyEvent } from "./inotify-events.ts";
import type { WatchListener } from "./inotify.ts";

/** Told what happens in the directories of a tree. */
export interface DirectoryOwner {
  onEvent(directory: Directory, event: InotifyEvent): void;
}

/** A watched directory of one tree. It keeps its path: one that is moved is forgotten here and met as new there. */
export class Directory implements WatchListener {
  readonly parent: Directory | null;
  /** Byte string, from the root of the tree: empty for the root, `/a/b` below it. */
  readonly path: string;
  readonly children = new Map<string, Directory>();
  watchNumber: number;
  readonly #owner: DirectoryOwner;
  #isForgotten = false;

  constructor(owner: DirectoryOwner, place: { parent: Directory | null; path: string }, watchNumber: number) {
    this.#owner = owner;
    this.parent = place.parent;
    this.path = place.path;
    this.watchNumber = watchNumber;
  }

  onEvent(event: InotifyEvent): void {
    if (this.isInTree()) this.#owner.onEvent(this, event);
  }

  /** False once it or a directory above it was forgotten. */
  isInTree(): boolean {
    return !this.#isForgotten && (this.parent?.isInTree() ?? true);
  }

  /** Takes a child out of the tree; undefined when there is none of that name. */
  forget(name: string): Directory | undefined {
    const child = this.children.get(name);
    if (child === undefined) return undefined;
    this.children.delete(name);
    child.#isForgotten = true;
    return child;
  }

  /** Itself and everything below it. */
  *subtree(): Generator<Directory, void, undefined> {
    const pending: Directory[] = [this];
    for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
      pending.push(...directory.children.values());
      yield directory;
    }
  }
}
