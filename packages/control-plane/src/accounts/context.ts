import type { ControlPlaneDeps } from "../ports.ts";
import { Attempts } from "./attempts.ts";
import { AuthorizationCodes } from "./authorization-codes.ts";
import { DeviceLogins } from "./device-logins.ts";

const MINUTE_MS = 60_000;

/** What signing in works with: the ports, and what is under way. */
export interface AccountsContext extends ControlPlaneDeps {
  readonly deviceLogins: DeviceLogins;
  readonly authorizationCodes: AuthorizationCodes;
  /** To sign in, by client address. */
  readonly attempts: Attempts;
  /** To sign in, by email: many addresses together guess no faster. */
  readonly attemptsOnUser: Attempts;
  /** To start a device login, by client address. */
  readonly loginStarts: Attempts;
}

export function createAccountsContext(deps: ControlPlaneDeps): AccountsContext {
  const { clock } = deps;
  return {
    ...deps,
    deviceLogins: new DeviceLogins(clock),
    authorizationCodes: new AuthorizationCodes(clock),
    attempts: new Attempts(clock, { maxCount: 10, windowMs: 5 * MINUTE_MS }),
    attemptsOnUser: new Attempts(clock, { maxCount: 100, windowMs: 60 * MINUTE_MS }),
    loginStarts: new Attempts(clock, { maxCount: 20, windowMs: 5 * MINUTE_MS }),
  };
}
