import type {
  AccountCreateAnswer,
  ApiKeyAnswer,
  DeviceLoginAnswer,
  InvitationAnswer,
  Role,
  ServiceAccountAnswer,
} from "@dormouse/schema";
import type { Answer, TestServer } from "./server.ts";

type Headers = Record<string, string>;

/** The answer that shows a key, once. */
export type NewApiKey = ApiKeyAnswer & { readonly apiKey: string };
type NewServiceAccount = ServiceAccountAnswer & { readonly client_secret: string };

/** What a request with this credential carries; without a workspace the credential's own counts. */
export function as(credential: string, workspace = ""): Headers {
  return { "x-blaxel-authorization": `Bearer ${credential}`, "x-blaxel-workspace": workspace };
}

/** A service account made by whoever `headers` stand for. */
export async function makeServiceAccount(server: TestServer, role: Role, headers: Headers = {}) {
  const { body } = await server.call("POST", "/service_accounts", { name: `the ${role}`, role }, headers);
  return body as NewServiceAccount;
}

/** An API key with this role, of a new service account. */
export async function makeKey(server: TestServer, role: Role, headers: Headers = {}): Promise<string> {
  const { client_id: clientId } = await makeServiceAccount(server, role, headers);
  const { body } = await server.call("POST", `/service_accounts/${clientId}/api_keys`, { name: "test" }, headers);
  return (body as NewApiKey).apiKey;
}

/** A call without credentials, as a browser or an OAuth client makes it. */
export function post(server: TestServer, path: string, body: string, headers: Headers = {}): Promise<Response> {
  return Promise.resolve(server.fetch(new Request(`http://localhost:4000${path}`, { method: "POST", headers, body })));
}

export function postForm(server: TestServer, path: string, fields: Headers, headers: Headers = {}): Promise<Response> {
  const type = "application/x-www-form-urlencoded";
  const origin = "http://localhost:4000";
  return post(server, path, new URLSearchParams(fields).toString(), { "content-type": type, origin, ...headers });
}

/** Asks for tokens; `body` is sent as JSON. */
export async function askForTokens(server: TestServer, body: Headers, headers: Headers = {}): Promise<Answer> {
  const json = { "content-type": "application/json", ...headers };
  const response = await post(server, "/v0/oauth/token", JSON.stringify(body), json);
  return { status: response.status, headers: response.headers, body: await response.json() };
}

/** A user with a password, invited and joined. */
export async function makeUser(server: TestServer, email: string, role: Role, password: string) {
  const { body } = await server.call("POST", "/users", { email, role });
  await join(server, body as InvitationAnswer, password);
}

/** Takes an invitation. */
export async function join(server: TestServer, { invitationUrl }: InvitationAnswer, password: string): Promise<void> {
  const token = new URL(invitationUrl).searchParams.get("token") ?? "";
  const joined = await postForm(server, "/invitation", { token, password });
  if (joined.status !== 200) throw new Error(`the invitation answered ${joined.status}: ${await joined.text()}`);
}

/** An account named like its workspace, whose owner has come and logged in. */
export async function makeAccount(server: TestServer, name: string, email: string) {
  const request = { name, owner: { email }, workspace: { name } };
  const { status, body } = await server.call("POST", "/accounts", request);
  if (status !== 200) throw new Error(`the account answered ${status}: ${JSON.stringify(body)}`);
  const { id, invitation } = body as AccountCreateAnswer;
  const password = "correct horse battery";
  await join(server, invitation, password);
  const { access_token } = await logIn(server, { email, password });
  return { id, token: access_token, owner: as(access_token, name) };
}

export async function startLogin(server: TestServer): Promise<DeviceLoginAnswer> {
  const response = await post(server, "/v0/login/device", JSON.stringify({ client_id: "blaxel" }));
  return (await response.json()) as DeviceLoginAnswer;
}

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly expires_in: number;
}

/** A whole login of a command line, confirmed with `proof`. */
export async function logIn(server: TestServer, proof: Headers): Promise<Tokens> {
  const { user_code, device_code } = await startLogin(server);
  const confirmed = await postForm(server, "/device", { user_code, decision: "approve", ...proof });
  if (confirmed.status !== 200) throw new Error(`the page answered ${confirmed.status}: ${await confirmed.text()}`);
  const { body } = await askForTokens(server, { grant_type: "device_code", device_code });
  return body as Tokens;
}
