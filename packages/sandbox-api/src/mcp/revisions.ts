import { HTTP_ERROR, INVALID_PARAMS, isObject, type Message, type RpcError } from "./message.ts";

/** Revisions of the protocol that start with a handshake, newest first. */
const HANDSHAKE_REVISIONS: readonly string[] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
const [LATEST_HANDSHAKE_REVISION] = HANDSHAKE_REVISIONS;

/** The revision without a handshake: each request says in its `_meta` that it is written in it. */
const STATELESS_REVISION = "2026-07-28";

const REVISION_KEY = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities";
const SERVER_INFO_KEY = "io.modelcontextprotocol/serverInfo";

const HEADER_MISMATCH = -32_020;
const UNSUPPORTED_REVISION = -32_022;

const SERVER_INFO = { name: "Sandbox API Server", version: "1.0.0" };
const CAPABILITIES = { tools: {}, logging: {} };
/** An upgrade of the agent may change its tools. */
const NEVER_CACHED = { ttlMs: 0, cacheScope: "private" };

/** True for a request in the revision without a handshake, or in one that is newer than all we know. */
export const isStateless = ({ params: { _meta: meta } }: Message): boolean => isObject(meta) && REVISION_KEY in meta;

/** What the client and we speak from now on: what it asks for when we know it, else our newest. */
export function shakeHands(asked: string): object {
  const protocolVersion = HANDSHAKE_REVISIONS.includes(asked) ? asked : LATEST_HANDSHAKE_REVISION;
  return { protocolVersion, capabilities: CAPABILITIES, serverInfo: SERVER_INFO };
}

/** Answer to `server/discover`, the first request of clients that know the revision without a handshake. */
export function discovery(): object {
  return { supportedVersions: [STATELESS_REVISION], capabilities: CAPABILITIES };
}

/** A result as the revision of its request wants it. */
export function completed(message: Message, result: object): object {
  if (!isStateless(message)) return result;
  const cache = message.method === "tools/call" ? {} : NEVER_CACHED;
  return { ...result, ...cache, resultType: "complete", _meta: { [SERVER_INFO_KEY]: SERVER_INFO } };
}

/** What is wrong with the `_meta` of a request; null when nothing is. */
export function metaError(message: Message): RpcError | null {
  const { _meta: meta } = message.params;
  if (message.id === null || !isObject(meta) || !isStateless(message)) return null;
  const requested = meta[REVISION_KEY];
  if (typeof requested !== "string") return invalidMeta(`"${REVISION_KEY}" must be a string`);
  if (requested !== STATELESS_REVISION) {
    const data = { supported: [STATELESS_REVISION], requested };
    return { code: UNSUPPORTED_REVISION, message: `Unsupported protocol version: ${requested}`, data };
  }
  return isObject(meta[CAPABILITIES_KEY]) ? null : invalidMeta(`"${CAPABILITIES_KEY}" must be an object`);
}

/** What is wrong with the headers that an HTTP request has to carry beside its message; null when nothing is. */
export function headerError(message: Message, headers: Headers): RpcError | null {
  const { id, method } = message;
  if (id !== null && isStateless(message)) return mismatch(message, headers);
  const revision = headers.get("mcp-protocol-version");
  if (revision === null || method === "initialize" || HANDSHAKE_REVISIONS.includes(revision)) return null;
  if (revision === STATELESS_REVISION) return id === null ? null : invalidMeta(`"${REVISION_KEY}" is missing`);
  const supported = HANDSHAKE_REVISIONS.join(", ");
  return { code: HTTP_ERROR, message: `Unsupported protocol version ${revision}: supported are ${supported}` };
}

/** Headers repeat parts of the message for those who route by them: these must not be told anything else than we are. */
function mismatch({ method, params }: Message, headers: Headers): RpcError | null {
  const expected: [header: string, value: unknown][] = [
    ["Mcp-Protocol-Version", STATELESS_REVISION],
    ["Mcp-Method", method],
  ];
  if (method === "tools/call" && typeof params["name"] === "string") expected.push(["Mcp-Name", params["name"]]);
  for (const [header, value] of expected) {
    const given = headers.get(header);
    if (given !== null && decoded(given) === value) continue;
    const shown = given === null ? "is missing" : `is "${given}"`;
    return { code: HEADER_MISMATCH, message: `The header ${header} ${shown}, and the message says "${String(value)}"` };
  }
  return null;
}

/** What does not fit into a header is sent in Base64. */
function decoded(value: string): string {
  const base64 = /^=\?base64\?(.*)\?=$/.exec(value)?.[1];
  return base64 === undefined ? value : Buffer.from(base64, "base64").toString();
}

const invalidMeta = (what: string): RpcError => ({ code: INVALID_PARAMS, message: `Invalid _meta: ${what}` });
