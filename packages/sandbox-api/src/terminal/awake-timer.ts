const STEP_COUNT = 100;

/**
 * Calls `action` once the agent has been awake for `durationMs`, unless disposed before. Time in which the sandbox sleeps does not
 * count: waking up makes up for one step at most, a hundredth of the duration.
 */
export function afterAwake(durationMs: number, action: () => void): Disposable {
  let leftSteps = STEP_COUNT;
  let timer: Timer;
  const wait = () => {
    timer = setTimeout(() => {
      leftSteps -= 1;
      if (leftSteps === 0) action();
      else wait();
    }, durationMs / STEP_COUNT);
  };
  wait();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}
