const SECRET_QUERY = /([?&](?:bl_preview_token|token|preview_token)=)[^&\s"]+/gi;
const BEARER = /(bearer\s+)[\w.~+/=-]+/gi;

/** `text` without bearer tokens and token query parameters, for logs and error messages. */
export function redactSecrets(text: string): string {
  return text.replace(SECRET_QUERY, "$1[redacted]").replace(BEARER, "$1[redacted]");
}
