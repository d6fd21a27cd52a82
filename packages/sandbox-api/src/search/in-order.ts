/**
 * What `work` makes of each item, in the order of the items, with up to `concurrency` of them under way. When the consumer
 * stops, no further item is taken; work under way ends by itself.
 */
export async function* inOrder<T, R>(
  items: AsyncIterable<T>,
  concurrency: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const underWay: Promise<R>[] = [];
  for await (const item of items) {
    const result = work(item);
    // Whoever awaits it sees the failure; without this it would also be reported as unhandled when nobody comes to.
    result.catch(() => undefined);
    underWay.push(result);
    const first = underWay.length < concurrency ? undefined : underWay.shift();
    if (first !== undefined) yield await first;
  }
  for (const result of underWay) yield await result;
}
