import type { DeviceLoginAnswer, TokenAnswer } from "@dormouse/schema";
import type { Api } from "./api.ts";

/** Confirms a login as its page does, with a key or with email and password, and takes the tokens. */
export async function finishLogin(
  api: Api,
  { verification_uri, user_code, device_code }: DeviceLoginAnswer,
  proof: Readonly<Record<string, string>>,
): Promise<TokenAnswer> {
  const { status } = await submitForm(verification_uri, { user_code, decision: "approve", ...proof });
  if (status !== 200) throw new Error(`the login page answered ${status}`);
  const grant = { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code };
  return (await api.call<TokenAnswer>("POST", "/oauth/token", { body: grant })).body;
}

/** Sends a form as the page at `url` itself does. */
export function submitForm(url: string, fields: Readonly<Record<string, string>>): Promise<Response> {
  const { origin } = new URL(url);
  return fetch(url, { method: "POST", body: new URLSearchParams(fields), headers: { origin } });
}
