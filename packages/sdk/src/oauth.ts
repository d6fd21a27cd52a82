import type { DeviceLoginAnswer, TokenAnswer } from "@dormouse/schema";
import { ApiError } from "./api-error.ts";
import type { Client } from "./client.ts";
import { delay } from "./retry.ts";

const CLIENT_ID = "blaxel";

/** Begins a login that someone confirms in a browser. */
export const startDeviceLogin = (client: Client): Promise<DeviceLoginAnswer> =>
  client.request("POST", "/login/device", { body: { client_id: CLIENT_ID, scope: "offline_access" } });

/** The tokens of a login once it is confirmed. @throws {ApiError} when it is refused or takes too long. */
export async function finishDeviceLogin(
  client: Client,
  login: DeviceLoginAnswer,
  signal?: AbortSignal,
): Promise<TokenAnswer> {
  let intervalMs = login.interval * 1000;
  for (;;) {
    await delay(intervalMs, signal);
    const outcome = await pollDeviceLogin(client, login.device_code);
    if (typeof outcome === "object") return outcome;
    if (outcome === "slow_down") intervalMs += 5000;
  }
}

async function pollDeviceLogin(
  client: Client,
  deviceCode: string,
): Promise<TokenAnswer | "authorization_pending" | "slow_down"> {
  const body = {
    grant_type: "urn:ietf:params:oauth:grant-type:device_code",
    client_id: CLIENT_ID,
    device_code: deviceCode,
  };
  try {
    const { data, status } = await client.exchange<TokenAnswer>("POST", "/oauth/token", { body });
    return status === 202 ? "authorization_pending" : data;
  } catch (error) {
    if (error instanceof ApiError && (error.code === "authorization_pending" || error.code === "slow_down"))
      return error.code;
    throw error;
  }
}

/** New tokens for a login; its refresh token may be replaced. */
export const refreshTokens = (client: Client, refreshToken: string, deviceCode?: string): Promise<TokenAnswer> =>
  client.request("POST", "/oauth/token", {
    body: {
      grant_type: "refresh_token",
      refresh_token: refreshToken,
      ...(deviceCode !== undefined && { device_code: deviceCode }),
    },
  });

/** A token for a service account, named by `clientId:clientSecret` in base64. */
export const exchangeClientCredentials = (client: Client, clientCredentials: string): Promise<TokenAnswer> =>
  client.request("POST", "/oauth/token", {
    body: { grant_type: "client_credentials" },
    headers: { Authorization: `Basic ${clientCredentials}` },
  });
