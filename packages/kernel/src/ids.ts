const ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz";

/** A random lower-case alphanumeric string, unbiased; 12 characters carry 62 bits. */
export function randomId(length = 12): string {
  let id = "";
  while (id.length < length) {
    for (const byte of crypto.getRandomValues(new Uint8Array(length * 2))) {
      if (byte < 252 && id.length < length) id += ALPHABET[byte % 36];
    }
  }
  return id;
}

/** A URL-safe secret of 256 bits, as `[A-Za-z0-9_-]{43}`. */
export function randomSecret(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("base64url");
}
