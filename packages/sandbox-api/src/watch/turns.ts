/** How long work may keep the event loop from everything else. */
export const TURN_MS = 5;

let lastTurn = Promise.resolve();

/** Resolves in a turn of the event loop that nobody else asked for, after what has waited for the loop meanwhile. */
export function nextTurn(): Promise<void> {
  lastTurn = lastTurn.then(() => new Promise((resolve) => setImmediate(resolve)));
  return lastTurn;
}
