import { type Client, type Credential, accessTokenCredential, apiKeyCredential } from "@dormouse/sdk";
import { exchangeClientCredentials, refreshTokens } from "@dormouse/sdk";
import {
  type ConfigFile,
  type StoredCredentials,
  findWorkspace,
  readConfig,
  withWorkspace,
  writeConfig,
} from "./config/config-file.ts";
import type { Io } from "./io.ts";

/** A credential, and where it comes from in words. */
export interface FoundCredential {
  readonly credential: Credential;
  /** As in `API key from environment variable BL_API_KEY`. */
  readonly source: string;
}

export interface CredentialSources {
  /** What the config file has for the workspace, where it is for this server. */
  readonly stored: StoredCredentials | undefined;
  readonly workspace: string;
  /** Of the process, with what the project's files add. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** A caller without a credential, which fetches tokens. */
  readonly anonymous: Client;
}

/** As the SDKs do: what the environment says, else what a login has stored. Files of a project come last: anybody may have written them. */
export function findCredential(io: Io, sources: CredentialSources): FoundCredential | undefined {
  const { env, anonymous } = sources;
  return (
    fromVariables(io.env, "environment variable", anonymous) ??
    fromLogin(io, sources) ??
    fromVariables(env, "the project's", anonymous)
  );
}

function fromLogin(io: Io, { stored, workspace, anonymous }: CredentialSources): FoundCredential | undefined {
  const place = "from your login (~/.blaxel/config.yaml)";
  if (stored?.apiKey !== undefined) {
    return { credential: apiKeyCredential(stored.apiKey), source: `API key ${place}` };
  }
  const { refresh_token: refreshToken, device_code: deviceCode, access_token: accessToken } = stored ?? {};
  if (refreshToken !== undefined) {
    const renew = async () => {
      const tokens = await refreshTokens(anonymous, refreshToken, deviceCode);
      storeTokens(io, workspace, tokens);
      return tokens;
    };
    return { credential: accessTokenCredential({ accessToken, renew }), source: `access token ${place}` };
  }
  const secret = stored?.client_credentials ?? stored?.clientCredentials;
  if (secret === undefined) return undefined;
  return { credential: serviceAccount(anonymous, secret), source: `client credentials ${place}` };
}

function fromVariables(
  variables: CredentialSources["env"],
  place: string,
  anonymous: Client,
): FoundCredential | undefined {
  const { BL_API_KEY: apiKey = "", BL_CLIENT_CREDENTIALS: secret = "" } = variables;
  if (apiKey !== "") {
    return { credential: apiKeyCredential(apiKey), source: `API key from ${place} BL_API_KEY` };
  }
  if (secret === "") return undefined;
  return {
    credential: serviceAccount(anonymous, encodeClientCredentials(secret)),
    source: `client credentials from ${place} BL_CLIENT_CREDENTIALS`,
  };
}

const serviceAccount = (anonymous: Client, secret: string): Credential =>
  accessTokenCredential({ renew: () => exchangeClientCredentials(anonymous, secret) });

/** Also those written as `clientId:clientSecret`. */
export const encodeClientCredentials = (secret: string): string => (secret.includes(":") ? btoa(secret) : secret);

interface Tokens {
  readonly access_token: string;
  readonly refresh_token?: string | undefined;
  readonly expires_in: number;
}

/** Read again first: another command may have written the file meanwhile. */
function storeTokens(io: Io, workspace: string, { access_token, refresh_token, expires_in }: Tokens): void {
  const config: ConfigFile = readConfig(io.home);
  const entry = findWorkspace(config, workspace);
  if (entry === undefined) return;
  const credentials = {
    ...entry.credentials,
    access_token,
    expires_in,
    ...(refresh_token !== undefined && { refresh_token }),
  };
  const { context } = config;
  writeConfig(io.home, { ...withWorkspace(config, { ...entry, credentials }), context });
}
