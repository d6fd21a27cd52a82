import { ERROR_INFO, type ErrorCode } from "@dormouse/kernel";
import { ErrorAnswer } from "@dormouse/schema";
import { LATEST_VERSION } from "../http/version.ts";
import { z } from "zod";
import { OPERATION_GROUPS } from "./operations.ts";
import type { Operation } from "./operation.ts";
import { componentsFor, propertiesOf, refTo, type JsonSchema } from "./schemas.ts";

const DESCRIPTION = `The control plane of Dormouse: sandboxes, previews, volumes, schedules, and who may use them.

It speaks the protocol of Blaxel's clients. What happens inside a sandbox (processes, files, ports, terminals, MCP) is asked of
the sandbox itself, below the \`metadata.url\` of its answer, with the same credentials.

Every failure has a code, a sentence and mostly a next step. Lists come in pages for clients that send
\`Blaxel-Version: ${LATEST_VERSION}\`, and as bare arrays for earlier ones.`;

/** Headers that every call with a credential may carry. */
const HEADERS = {
  Workspace: {
    name: "X-Blaxel-Workspace",
    in: "header",
    description: "The workspace meant; without it the one the credential belongs to",
    schema: { type: "string" },
  },
  Version: {
    name: "Blaxel-Version",
    in: "header",
    description: `A date not after ${LATEST_VERSION}; any other is refused`,
    schema: { type: "string", format: "date" },
  },
} as const;

const SECURITY_SCHEMES = {
  bearer: { type: "http", scheme: "bearer", description: "An API key or an access token" },
  blaxel: {
    type: "apiKey",
    in: "header",
    name: "X-Blaxel-Authorization",
    description: "The same with `Bearer` and a space in front, as Blaxel's clients send it",
  },
} as const;

const CREDENTIAL_CODES: readonly ErrorCode[] = ["UNAUTHENTICATED", "FORBIDDEN"];
const BODY_CODES: readonly ErrorCode[] = ["TOO_LARGE"];

/** The API as OpenAPI 3.1. */
export function openApiDocument(): JsonSchema {
  const paths = renderPaths();
  const responses = commonResponses();
  const schemas = componentsFor([paths, responses]);
  return {
    openapi: "3.1.0",
    info: { title: "Dormouse API", version: LATEST_VERSION, description: DESCRIPTION },
    servers: [{ url: "/v0" }],
    security: Object.keys(SECURITY_SCHEMES).map((name) => ({ [name]: [] })),
    tags: OPERATION_GROUPS.map(({ tag, description }) => ({ name: tag, description })),
    paths,
    components: { schemas, responses, parameters: HEADERS, securitySchemes: SECURITY_SCHEMES },
  };
}

function renderPaths(): JsonSchema {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const { tag, operations } of OPERATION_GROUPS) {
    for (const operation of operations) {
      paths[operation.path] = { ...paths[operation.path], [operation.method]: renderOperation(tag, operation) };
    }
  }
  return paths;
}

function renderOperation(tag: string, operation: Operation): JsonSchema {
  const { id, summary, body, isPublic = false } = operation;
  const parameters = [...pathParameters(operation), ...queryParameters(operation)];
  const headers = Object.keys(HEADERS).map((name) => ({ $ref: `#/components/parameters/${name}` }));
  return {
    operationId: id,
    tags: [tag],
    summary,
    parameters: isPublic ? parameters : [...parameters, ...headers],
    ...(body !== undefined && { requestBody: { required: true, content: json(refTo(body)) } }),
    responses: { ...successesOf(operation), ...failuresOf(operation) },
    ...(isPublic && { security: [] }),
  };
}

function pathParameters({ path }: Operation): JsonSchema[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters({ query }: Operation): JsonSchema[] {
  if (query === undefined) return [];
  return Object.entries(propertiesOf(query)).map(([name, schema]) => ({ name, in: "query", schema }));
}

function successesOf({ answer, pending }: Operation): Record<string, JsonSchema> {
  return {
    ...(answer === undefined
      ? { "204": { description: "Done" } }
      : { "200": { description: "Done", content: contentOf(answer) } }),
    ...(pending !== undefined && { "202": { description: "Waits for approval", content: json(refTo(pending)) } }),
  };
}

/** By status; several codes may share one. */
function failuresOf(operation: Operation): Record<string, JsonSchema> {
  const { query, body, errors = [], failure = ErrorAnswer, isPublic = false } = operation;
  const common = [...(isPublic ? [] : CREDENTIAL_CODES), ...(body === undefined ? [] : BODY_CODES)];
  const isRead = query !== undefined || body !== undefined;
  const own = new Set<ErrorCode>([...(isRead ? (["INVALID_ARGUMENT"] as const) : []), ...errors]);
  const rendered = new Map(common.map((code) => [ERROR_INFO[code].status, refToResponse(code)]));
  for (const status of new Set([...own].map((code) => ERROR_INFO[code].status))) {
    const codes = [...own].filter((code) => ERROR_INFO[code].status === status);
    rendered.set(status, { description: codes.join(", "), content: json(refTo(failure)) });
  }
  return Object.fromEntries([...rendered].toSorted(([one], [other]) => one - other));
}

const refToResponse = (code: ErrorCode): JsonSchema => ({ $ref: `#/components/responses/${code}` });

/** Failures that look alike wherever they are met. */
function commonResponses(): Record<string, JsonSchema> {
  const content = json(refTo(ErrorAnswer));
  return Object.fromEntries([...CREDENTIAL_CODES, ...BODY_CODES].map((code) => [code, { description: code, content }]));
}

const contentOf = (answer: z.ZodType): JsonSchema =>
  answer instanceof z.ZodString ? { "text/plain": { schema: refTo(answer) } } : json(refTo(answer));

const json = (schema: JsonSchema): JsonSchema => ({ "application/json": { schema } });
