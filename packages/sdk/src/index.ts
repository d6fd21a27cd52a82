export { ApiError } from "./api-error.ts";
export {
  createClient,
  type Answer,
  type Client,
  type ClientOptions,
  type Fetch,
  type Method,
  type RequestOptions,
} from "./client.ts";
export { accessTokenCredential, apiKeyCredential, lifetimeLeft, type Credential } from "./credential.ts";
export * from "./files.ts";
export * from "./images.ts";
export * from "./logs.ts";
export { linesOf } from "./lines.ts";
export { exchangeClientCredentials, finishDeviceLogin, refreshTokens, startDeviceLogin } from "./oauth.ts";
export { listAll, listPage, type Page, type PageQuery } from "./pages.ts";
export { path } from "./paths.ts";
export * from "./previews.ts";
export * from "./processes.ts";
export { delay } from "./retry.ts";
export * from "./sandboxes.ts";
export { terminalUrl, type TerminalOptions } from "./terminal.ts";
export * from "./volumes.ts";
export * from "./workspaces.ts";
