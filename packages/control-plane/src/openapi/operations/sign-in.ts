import { DeviceLoginAnswer, OauthErrorAnswer, TokenAnswer, TokenRequest } from "@dormouse/schema";
import type { OperationGroup } from "../operation.ts";
import { EmptyAnswer, OpenApiDocument, OpenidConfiguration, TokenRevocation } from "../shapes.ts";

export const signIn: OperationGroup = {
  tag: "Signing in",
  description:
    "OAuth 2.0 for service accounts, for the command line and, by the page /authorize, for other programs. None of these calls needs a credential.",
  operations: [
    {
      method: "post",
      path: "/oauth/token",
      id: "createToken",
      summary:
        "Exchange client credentials, a refresh token, a confirmed device login or an authorization code for an access token",
      body: TokenRequest,
      answer: TokenAnswer,
      errors: ["INVALID_ARGUMENT", "UNAUTHENTICATED"],
      failure: OauthErrorAnswer,
      isPublic: true,
    },
    {
      method: "post",
      path: "/oauth/revoke",
      id: "revokeToken",
      summary: "End a login: its tokens stop working at once",
      body: TokenRevocation,
      answer: EmptyAnswer,
      failure: OauthErrorAnswer,
      isPublic: true,
    },
    {
      method: "post",
      path: "/login/device",
      id: "startDeviceLogin",
      summary: "Begin a login that is confirmed in a browser",
      answer: DeviceLoginAnswer,
      errors: ["RATE_LIMITED"],
      isPublic: true,
    },
    {
      method: "get",
      path: "/.well-known/openid-configuration",
      id: "getOpenidConfiguration",
      summary: "Read where the calls of this group are",
      answer: OpenidConfiguration,
      isPublic: true,
    },
  ],
};

export const reference: OperationGroup = {
  tag: "Reference",
  description: "This description itself.",
  operations: [
    {
      method: "get",
      path: "/openapi.json",
      id: "getOpenApiDocument",
      summary: "Read this description; /v0/docs shows it in a browser",
      answer: OpenApiDocument,
      isPublic: true,
    },
  ],
};
