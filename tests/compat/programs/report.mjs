/** What a call threw: the stock client throws parsed JSON bodies as well as errors. */
export const caught = (promise) =>
  promise.then(
    () => "no error",
    (error) => ({ ...error, message: error?.message, status: error?.response?.status ?? error?.status }),
  );

/** Hands what a program saw to the test that runs it. */
export const report = (seen) => process.stdout.write(JSON.stringify(seen));

/** Resolves once `holds()` is true. */
export async function until(holds) {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}
