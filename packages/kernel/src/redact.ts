/** Each leaves its first group and takes away what follows it. */
const SECRETS: readonly RegExp[] = [
  // As query parameters, also in a cookie.
  /(\b(?:bl_preview_token|token|preview_token|access_token|refresh_token|client_secret)=)[^&;\s"\\]+/gi,
  /(\b(?:bearer|basic)\s+)[\w.~+/=:-]+/gi,
  // API keys, wherever they stand.
  /(\bdm_)[\w-]+/g,
  // The password of a database's address.
  /(\/\/[^\s:/@"]+:)[^\s/@"]+(?=@)/g,
  // Fields of JSON, by what their names end with.
  /("[\w-]*(?:password|secret|token|api_?key|authorization|cookie)":\s*")(?:[^"\\]|\\.)+/gi,
];

/** `text`, which may be JSON and then stays JSON, without what looks like a secret: for logs and error messages. */
export function redactSecrets(text: string): string {
  return SECRETS.reduce((clean, secret) => clean.replace(secret, "$1[redacted]"), text);
}
