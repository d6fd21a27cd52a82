import { AppError } from "@dormouse/kernel";
import { isIP } from "node:net";
import { JsonFields } from "../json-body.ts";

const KEY_BYTES = 32;

/** Checks a tunnel's configuration, JSON in base64; unknown keys are ignored. @throws {AppError} UNPROCESSABLE */
export function checkTunnelConfig(encoded: string): void {
  const config = parseConfig(encoded);
  try {
    check(isCidr(config.requiredString("local_ip")), "local_ip must be an address with a prefix length");
    check(/^.+:\d{1,5}$/.test(config.requiredString("peer_endpoint")), "peer_endpoint must be host:port");
    for (const name of ["peer_public_key", "private_key"]) {
      check(isKey(config.requiredString(name)), `${name} must be ${KEY_BYTES} bytes in base64`);
    }
    const mtu = config.integer("mtu") ?? 0;
    check(mtu === 0 || (mtu >= 68 && mtu <= 65_535), "mtu must be between 68 and 65535");
    check((config.stringList("allowed_ips") ?? []).every(isCidr), "allowed_ips must be addresses with prefix lengths");
  } catch (cause) {
    if (!(cause instanceof AppError) || cause.code !== "INVALID_ARGUMENT") throw cause;
    throw invalidConfig(cause.message.replace("invalid request body: ", ""));
  }
}

function parseConfig(encoded: string): JsonFields {
  try {
    const config: unknown = JSON.parse(Buffer.from(encoded, "base64").toString());
    if (typeof config === "object" && config !== null && !Array.isArray(config)) return new JsonFields(config);
  } catch {
    // Said below.
  }
  throw invalidConfig("expected a JSON object in base64");
}

function isCidr(text: string): boolean {
  const [address = "", length, ...rest] = text.split("/");
  const maxLength = isIP(address) === 4 ? 32 : 128;
  return isIP(address) !== 0 && rest.length === 0 && /^\d{1,3}$/.test(length ?? "") && Number(length) <= maxLength;
}

const isKey = (text: string): boolean =>
  /^[A-Za-z0-9+/]+=*$/.test(text) && Buffer.from(text, "base64").length === KEY_BYTES;

function check(isValid: boolean, reason: string): void {
  if (!isValid) throw invalidConfig(reason);
}

const invalidConfig = (reason: string): AppError => new AppError("UNPROCESSABLE", `invalid tunnel config: ${reason}`);
