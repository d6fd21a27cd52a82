import { type FSWatcher, realpathSync, watch } from "node:fs";
import { dirname } from "node:path";

/** A renewal writes several files, and is read once all of them are there. */
const SETTLE_MS = 300;

/**
 * Calls back shortly after something may have happened to one of the files, until disposed. Folders are watched, not files: a
 * renewal puts a new file, or a new symbolic link, in the place of the old one.
 */
export function watchFiles(files: readonly string[], onChange: () => void): Disposable {
  let watchers: FSWatcher[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = (): void => {
    const before = watchers;
    watchers = foldersOf(files).flatMap(watchFolder);
    for (const watcher of before) watcher.close();
  };
  const settle = (): void => {
    timer = undefined;
    // Links may now lead to other folders; whatever happens in those from here on is seen.
    open();
    onChange();
  };
  const noteEvent = (): void => void (timer ??= setTimeout(settle, SETTLE_MS));
  const watchFolder = (folder: string): FSWatcher[] => {
    try {
      const watcher = watch(folder, noteEvent);
      watcher.on("error", noteEvent);
      return [watcher];
    } catch {
      // A folder that is gone is looked for again at the next event of another one.
      return [];
    }
  };
  open();
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}

function foldersOf(files: readonly string[]): string[] {
  return [...new Set(files.flatMap((file) => [dirname(file), dirname(targetOf(file))]))];
}

function targetOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}
