/**
 * Request targets as raw strings. Nothing here decodes or re-encodes: `//`, `%2F`, `%20` and an empty `?` reach the app as
 * the client wrote them. (Bun has resolved `.` and `..` segments, plain or as `%2e`, before anyone sees the request.)
 */

/** Path and query of a `Request.url`. Bun gives the bare path when the Host header is not a valid authority. */
export function pathOf(url: string): string {
  if (url.charCodeAt(0) === 47) return url;
  const slash = url.indexOf("/", url.indexOf("://") + 3);
  return slash === -1 ? "/" : url.slice(slash);
}

/** Lower-case authority of a `Request.url`, "" when the Host header is not a valid authority. */
export function authorityOf(url: string): string {
  if (url.charCodeAt(0) === 47) return "";
  const start = url.indexOf("://") + 3;
  const slash = url.indexOf("/", start);
  return slash === -1 ? url.slice(start) : url.slice(start, slash);
}

/** `authority` without its port. */
export function hostnameOf(authority: string): string {
  const colon = authority.lastIndexOf(":");
  return colon === -1 || authority.charCodeAt(authority.length - 1) === 93 ? authority : authority.slice(0, colon);
}

export interface TakenParameter {
  /** The path without any occurrence of the parameter, every other byte untouched. */
  readonly path: string;
  /** Decoded value of the first occurrence. */
  readonly value: string | undefined;
}

/** Cuts the query parameter `name` out of `path`. */
export function takeQueryParameter(path: string, name: string): TakenParameter {
  const queryStart = path.indexOf("?");
  if (queryStart === -1 || !path.includes(`${name}=`, queryStart)) return { path, value: undefined };
  const prefix = `${name}=`;
  const pieces = path.slice(queryStart + 1).split("&");
  const taken = pieces.filter((piece) => piece.startsWith(prefix));
  if (taken[0] === undefined) return { path, value: undefined };
  const kept = pieces.filter((piece) => !piece.startsWith(prefix)).join("&");
  const bare = path.slice(0, queryStart);
  return { path: kept === "" ? bare : `${bare}?${kept}`, value: decodeLeniently(taken[0].slice(prefix.length)) };
}

/** `text` with a leading "/", for a rest that may start at the query or be empty. */
export function withLeadingSlash(text: string): string {
  return text.charCodeAt(0) === 47 ? text : `/${text}`;
}

function decodeLeniently(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
