import { AppError, randomSecret } from "@dormouse/kernel";
import { hashSecret } from "../secrets.ts";
import type { SignedIn } from "./sign-in.ts";

export const DEVICE_LOGIN_LIFETIME_S = 15 * 60;

/** How often a command line asks; asking clearly more often is answered `slow_down`. */
export const POLL_INTERVAL_S = 3;
const POLL_MIN_INTERVAL_MS = (POLL_INTERVAL_S - 1) * 1000;

const LOGINS_MAX_COUNT = 1000;

/** Consonants only: no words, and nothing that is mistaken for a digit (RFC 8628 §6.1). */
const USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ";

export interface DeviceLogin {
  /** Compared by people: `BCDF-GHJK`. */
  readonly userCode: string;
  readonly clientAddress: string;
  readonly expiresAtMs: number;
}

interface PendingLogin extends DeviceLogin {
  readonly deviceHash: string;
  polledAtMs: number;
  decision: "waiting" | "denied" | SignedIn;
}

export type PollResult = "authorization_pending" | "slow_down" | "access_denied" | "expired_token" | SignedIn;

/**
 * Logins of command lines that wait to be confirmed in a browser. Kept in memory: a server that starts again has forgotten them,
 * and whoever waits for one logs in again.
 */
export class DeviceLogins {
  readonly #clock: () => number;
  /** By the hash of the device code. */
  readonly #logins = new Map<string, PendingLogin>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** @throws {AppError} RATE_LIMITED while too many wait */
  start(clientAddress: string): { readonly deviceCode: string; readonly userCode: string } {
    this.#sweep();
    if (this.#logins.size >= LOGINS_MAX_COUNT) {
      throw new AppError("RATE_LIMITED", "Cannot start a login: too many wait to be confirmed", {
        hint: "Try again in some minutes",
      });
    }
    const deviceCode = randomSecret();
    const deviceHash = hashSecret(deviceCode);
    const userCode = this.#newUserCode();
    const expiresAtMs = this.#clock() + DEVICE_LOGIN_LIFETIME_S * 1000;
    const decision = "waiting";
    this.#logins.set(deviceHash, { userCode, clientAddress, expiresAtMs, deviceHash, polledAtMs: 0, decision });
    return { deviceCode, userCode };
  }

  /** One that waits, by the code people type: case, spaces and the hyphen do not matter. */
  find(userCode: string): DeviceLogin | undefined {
    return this.#findWaiting(userCode);
  }

  /** False if it is no longer waiting. */
  decide(userCode: string, decision: "denied" | SignedIn): boolean {
    const login = this.#findWaiting(userCode);
    if (login === undefined) return false;
    login.decision = decision;
    return true;
  }

  /** `undefined` for a code that was never given out or has been used. A confirmed login is handed over once. */
  poll(deviceCode: string): PollResult | undefined {
    const nowMs = this.#clock();
    const login = this.#logins.get(hashSecret(deviceCode));
    if (login === undefined) return undefined;
    if (login.expiresAtMs <= nowMs) return this.#finish(login, "expired_token");
    const isTooSoon = nowMs - login.polledAtMs < POLL_MIN_INTERVAL_MS;
    login.polledAtMs = nowMs;
    if (login.decision === "waiting") return isTooSoon ? "slow_down" : "authorization_pending";
    return this.#finish(login, login.decision === "denied" ? "access_denied" : login.decision);
  }

  #finish(login: PendingLogin, result: PollResult): PollResult {
    this.#logins.delete(login.deviceHash);
    return result;
  }

  #findWaiting(userCode: string): PendingLogin | undefined {
    const letters = userCode.toUpperCase().replaceAll(/[^A-Z]/g, "");
    const nowMs = this.#clock();
    for (const login of this.#logins.values()) {
      const isIt = login.userCode.replace("-", "") === letters;
      if (isIt && login.decision === "waiting" && login.expiresAtMs > nowMs) return login;
    }
    return undefined;
  }

  #newUserCode(): string {
    const letters = Array.from({ length: 8 }, randomLetter).join("");
    const userCode = `${letters.slice(0, 4)}-${letters.slice(4)}`;
    return this.#findWaiting(userCode) === undefined ? userCode : this.#newUserCode();
  }

  #sweep(): void {
    const nowMs = this.#clock();
    for (const login of this.#logins.values()) if (login.expiresAtMs <= nowMs) this.#logins.delete(login.deviceHash);
  }
}

function randomLetter(): string {
  const [byte = 0] = crypto.getRandomValues(new Uint8Array(1));
  return byte < 240 ? (USER_CODE_LETTERS[byte % 20] ?? "") : randomLetter();
}
