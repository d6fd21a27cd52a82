import { AppError } from "@dormouse/kernel";
import {
  accessTokenCredential,
  ApiError,
  apiKeyCredential,
  type Client,
  createClient,
  type Credential,
  exchangeClientCredentials,
  finishDeviceLogin,
  getWorkspace,
  listWorkspaces,
  startDeviceLogin,
} from "@dormouse/sdk";
import { readConfig, type StoredCredentials, withWorkspace, writeConfig } from "../config/config-file.ts";
import { readSettings } from "../context.ts";
import { encodeClientCredentials } from "../credentials.ts";
import type { Io } from "../io.ts";
import type { GlobalOptions } from "../options.ts";
import { createMessages, type Messages } from "../output/messages.ts";
import { askSecret, choose } from "../prompts.ts";
import { openBrowser } from "./browser.ts";

export interface LoginOptions {
  readonly url?: string;
  readonly apiKey?: string;
}

/** A way to prove who one is, that works and can be kept. */
interface Proof {
  readonly credential: Credential;
  readonly stored: StoredCredentials;
}

interface Login {
  readonly io: Io;
  readonly apiUrl: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly say: Messages;
}

/** `login [workspace]` */
export async function login(
  io: Io,
  global: GlobalOptions,
  words: readonly string[],
  options: LoginOptions,
): Promise<void> {
  const wanted = workspaceOf(io, words, global.workspace);
  const settings = await readSettings(io, wanted === undefined ? {} : { workspace: wanted });
  const apiUrl = apiUrlOf(options.url) ?? settings.apiUrl;
  const flow: Login = { io, apiUrl, env: settings.env, say: createMessages(io, global.output) };
  const proof = await prove(flow, wanted, options);
  const workspace = wanted ?? (await pickWorkspace(flow, proof.credential));
  await keep(flow, workspace, proof);
}

function workspaceOf(io: Io, words: readonly string[], option: string | undefined): string | undefined {
  const [word] = words;
  if (words.length > 1) {
    throw new AppError("INVALID_ARGUMENT", `Cannot log in to "${words.join(" ")}": a workspace is one word`, {
      hint: `Did you mean '${io.program} login ${words.join("-").toLowerCase()}'?`,
    });
  }
  if (word !== undefined && option !== undefined && word !== option) {
    throw new AppError("INVALID_ARGUMENT", `Cannot log in to "${word}": -w names another workspace, "${option}"`);
  }
  return word ?? option;
}

/** @throws {AppError} INVALID_ARGUMENT */
function apiUrlOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new AppError(
      "INVALID_ARGUMENT",
      `Cannot log in at "${text}": expected an address such as http://localhost:4111`,
    );
  }
  const path = url.pathname.replace(/\/+$/, "");
  return url.origin + (path === "" ? "/v0" : path);
}

async function prove(flow: Login, workspace: string | undefined, { apiKey }: LoginOptions): Promise<Proof> {
  const { env, say } = flow;
  if (apiKey !== undefined) return byApiKey(apiKey);
  if (workspace === undefined) return byBrowser(flow);
  if (env["BL_CLIENT_CREDENTIALS"]) return byClientCredentials(flow, env["BL_CLIENT_CREDENTIALS"]);
  if (env["BL_API_KEY"]) {
    say.info("Using API key from environment variable BL_API_KEY");
    return byApiKey(env["BL_API_KEY"]);
  }
  const way = await choose(flow.io, "How would you like to log in?", [
    { value: "browser", label: "Login with your browser" },
    { value: "key", label: "Login with API key" },
  ]);
  return way === "browser" ? byBrowser(flow) : byApiKey(await askSecret(flow.io, "Enter your API key:"));
}

const byApiKey = (apiKey: string): Proof => ({ credential: apiKeyCredential(apiKey), stored: { apiKey } });

const clientOf = ({ io, apiUrl }: Login, workspace = "", credential?: Credential): Client =>
  createClient({ apiUrl, workspace, credential, fetch: io.fetch });

async function byClientCredentials(flow: Login, secret: string): Promise<Proof> {
  const encoded = encodeClientCredentials(secret);
  const renew = () => exchangeClientCredentials(clientOf(flow), encoded);
  return {
    credential: accessTokenCredential({ renew }),
    // Blaxel's command line reads the one name, its TypeScript SDK the other.
    stored: { client_credentials: encoded, clientCredentials: encoded },
  };
}

async function byBrowser(flow: Login): Promise<Proof> {
  const { io, say } = flow;
  const anonymous = clientOf(flow);
  const started = await startDeviceLogin(anonymous);
  const hasOpened = await openBrowser(io, started.verification_uri_complete);
  say.info(hasOpened ? "If your browser does not open, go to" : "Open this address in your browser:");
  say.info(`  ${started.verification_uri_complete}`);
  say.info(`and confirm the code ${started.user_code}`);
  say.info("Waiting for you to confirm the login in your browser...");
  const tokens = await finishDeviceLogin(anonymous, started);
  return {
    credential: accessTokenCredential({
      accessToken: tokens.access_token,
      renew: () => Promise.reject(new AppError("UNAUTHENTICATED", "Cannot log in: the new token is not valid")),
    }),
    stored: {
      access_token: tokens.access_token,
      ...(tokens.refresh_token !== undefined && { refresh_token: tokens.refresh_token }),
      expires_in: tokens.expires_in,
      device_code: started.device_code,
    },
  };
}

async function pickWorkspace(flow: Login, credential: Credential): Promise<string> {
  const workspaces = await listWorkspaces(clientOf(flow, "", credential));
  const [only, ...others] = workspaces.map(({ name }) => name as string);
  if (only === undefined) {
    throw new AppError("FORBIDDEN", "Cannot log in: you are a member of no workspace", {
      hint: "Ask an administrator of one for an invitation",
    });
  }
  if (others.length === 0) return only;
  const connected = new Set(readConfig(flow.io.home).workspaces.map(({ name }) => name));
  const choices = [only, ...others].map((name) => ({
    value: name,
    label: connected.has(name) ? `${name} (already connected)` : name,
  }));
  return choose(flow.io, "Which workspace?", choices);
}

/** Asks for the workspace with the credential, and writes both down when the server agrees. */
async function keep(flow: Login, workspace: string, { credential, stored }: Proof): Promise<void> {
  const { io, apiUrl, say } = flow;
  const { id } = await getWorkspace(clientOf(flow, workspace, credential), workspace).catch((error: unknown) => {
    throw refusal(error, workspace, apiUrl);
  });
  const config = readConfig(io.home);
  writeConfig(io.home, withWorkspace(config, { name: workspace, id, credentials: stored, url: apiUrl }));
  say.success(
    stored.client_credentials === undefined
      ? `Successfully logged in to workspace ${workspace}`
      : `Successfully stored client credentials for workspace ${workspace}`,
  );
  const variable = ["BL_API_KEY", "BL_CLIENT_CREDENTIALS"].find((name) => io.env[name]);
  if (variable !== undefined && !isFrom(io.env[variable], stored)) {
    say.warn(`${variable} is set in this shell and comes before this login: 'unset ${variable}' to use it`);
  }
  // They have no place for the address in this file.
  say.command("The SDKs find this login too, with", `export BL_API_URL=${apiUrl} BL_DISABLE_H2=1`);
}

const isFrom = (value = "", { apiKey, client_credentials: secret }: StoredCredentials): boolean =>
  value === apiKey || encodeClientCredentials(value) === secret;

function refusal(error: unknown, workspace: string, apiUrl: string): unknown {
  if (!(error instanceof ApiError) || ![401, 403, 404].includes(error.status)) return error;
  return new AppError("FORBIDDEN", `Permission denied for workspace "${workspace}" at ${apiUrl}: ${error.message}`, {
    hint: "Check the name of the workspace, the credential, and the server (--url or BL_API_URL)",
    cause: error,
  });
}
