import { zipOf } from "@dormouse/kernel/testkit";

/** A build context as the ZIP file that is uploaded. */
export const contextOf = (files: Readonly<Record<string, string | Buffer>>): ReadableStream<Uint8Array> =>
  new Blob([zipOf(Object.entries(files).map(([name, content]) => ({ name, content })))]).stream();
