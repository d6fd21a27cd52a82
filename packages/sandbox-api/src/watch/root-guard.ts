import { IN_DELETE, IN_MOVED_FROM } from "./inotify-events.ts";
import type { Inotify, WatchListener } from "./inotify.ts";

/**
 * Watches from above for the end of the directory at `path`, a byte string: while a process is inside, a removed directory
 * says nothing of it itself. Does nothing where nothing is above, or it is closed to us.
 */
export function guardRoot(inotify: Inotify, path: string, onEnd: (operation: "REMOVE" | "RENAME") => void): Disposable {
  const slashAt = path.lastIndexOf("/");
  const rootName = path.slice(slashAt + 1);
  const listener: WatchListener = {
    onEvent({ mask, name }) {
      if (name !== rootName || (mask & (IN_DELETE | IN_MOVED_FROM)) === 0) return;
      onEnd((mask & IN_DELETE) === 0 ? "RENAME" : "REMOVE");
    },
  };
  const watchNumber = path === "/" ? null : watchOrNull(inotify, path.slice(0, slashAt) || "/");
  if (watchNumber !== null) inotify.listen(watchNumber, listener);
  return {
    [Symbol.dispose]() {
      if (watchNumber !== null) inotify.unlisten(watchNumber, listener);
    },
  };
}

function watchOrNull(inotify: Inotify, path: string): number | null {
  try {
    return inotify.watch(path, IN_DELETE | IN_MOVED_FROM);
  } catch {
    return null;
  }
}
