/*
 * A name on disk is bytes, and not always UTF-8. While it is worked with it is a byte string, one character a byte, so that
 * every directory can be opened again; it becomes text when it is shown.
 */

const NON_ASCII = /[\x80-\xff]/;

export const toText = (bytes: string): string =>
  NON_ASCII.test(bytes) ? Buffer.from(bytes, "latin1").toString() : bytes;

export const toBuffer = (bytes: string): Buffer => Buffer.from(bytes, "latin1");
