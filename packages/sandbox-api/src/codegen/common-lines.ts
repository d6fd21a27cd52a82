/** Pairs compared at most: beyond that the order of lines no longer counts. */
const MAX_PAIRS = 100_000;

/**
 * Which of `theirs` are also in `ours`: the longest run of lines both have in the same order. Lines are given by class, and
 * class 0, a blank line, is in both.
 */
export function commonLines(ours: readonly number[], theirs: readonly number[]): readonly boolean[] {
  return ours.length * theirs.length > MAX_PAIRS ? commonInAnyOrder(ours, theirs) : commonInOrder(ours, theirs);
}

function commonInOrder(ours: readonly number[], theirs: readonly number[]): boolean[] {
  const width = theirs.length + 1;
  const lengths = new Uint32Array((ours.length + 1) * width);
  const lengthAt = (our: number, their: number) => lengths[our * width + their] ?? 0;
  for (let our = ours.length - 1; our >= 0; our--) {
    for (let their = theirs.length - 1; their >= 0; their--) {
      const isSame = ours[our] === theirs[their] && ours[our] !== 0;
      const skipped = Math.max(lengthAt(our + 1, their), lengthAt(our, their + 1));
      lengths[our * width + their] = isSame ? lengthAt(our + 1, their + 1) + 1 : skipped;
    }
  }
  let our = 0;
  return theirs.map((lineClass, their) => {
    if (lineClass === 0) return true;
    while (our < ours.length && lengthAt(our + 1, their) === lengthAt(our, their)) our++;
    const isCommon = ours[our] === lineClass && lengthAt(our, their) > lengthAt(our, their + 1);
    if (isCommon) our++;
    return isCommon;
  });
}

function commonInAnyOrder(ours: readonly number[], theirs: readonly number[]): boolean[] {
  const counts = new Map<number, number>();
  for (const lineClass of ours) counts.set(lineClass, (counts.get(lineClass) ?? 0) + 1);
  return theirs.map((lineClass) => {
    const left = counts.get(lineClass) ?? 0;
    counts.set(lineClass, left - 1);
    return lineClass === 0 || left > 0;
  });
}
