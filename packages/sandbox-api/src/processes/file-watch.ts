import { watch, type FSWatcher } from "node:fs";

/** How often a file is looked at where the kernel gives no notifications. */
const FALLBACK_INTERVAL_MS = 20;

/** Calls `onChange` soon after each write to one of `paths`, until disposed; it may also be called without a write. */
export function watchFiles(paths: readonly string[], onChange: () => void): Disposable {
  const watchers: FSWatcher[] = [];
  let timer: Timer | undefined;
  const fallBack = () => {
    timer ??= setInterval(onChange, FALLBACK_INTERVAL_MS);
  };
  try {
    for (const path of paths) watchers.push(watch(path, { persistent: false }, onChange).on("error", fallBack));
  } catch {
    fallBack();
  }
  return {
    [Symbol.dispose]() {
      for (const watcher of watchers) watcher.close();
      clearInterval(timer);
    },
  };
}
