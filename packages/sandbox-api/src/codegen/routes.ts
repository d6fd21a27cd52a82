import { AppError } from "@dormouse/kernel";
import type { FastApplyResponse, RerankResponse } from "@dormouse/schema";
import type { SandboxApiConfig } from "../config.ts";
import { requestedPath } from "../files/paths.ts";
import { json } from "../http.ts";
import { invalidBody, JsonFields } from "../json-body.ts";
import type { RequestContext, Route } from "../router.ts";
import { applyEdit } from "./apply-edit.ts";
import type { EditHistory } from "./edit-history.ts";
import { rerank } from "./rerank.ts";
import { MAX_TEXT_BYTES } from "./text-file.ts";

/** Applying edits that models write, and ranking files. Both work without a provider's key. */
export function codegenRoutes(config: SandboxApiConfig, history: EditHistory): Route[] {
  const ranked = (context: RequestContext) => getRanking(context, config);
  return [
    { method: "PUT", pattern: "/codegen/fastapply/*", handle: (context) => putEdit(context, config, history) },
    { method: "GET", pattern: "/codegen/reranking", handle: ranked },
    { method: "GET", pattern: "/codegen/reranking/*", handle: ranked },
  ];
}

async function putEdit(context: RequestContext, config: SandboxApiConfig, history: EditHistory): Promise<Response> {
  const path = requestedPath(context, config);
  const fields = await JsonFields.of(context.request);
  const edit = { codeEdit: fields.requiredString("codeEdit"), model: fields.string("model") };
  if (edit.codeEdit.length > MAX_TEXT_BYTES) throw invalidBody(`field "codeEdit" is longer than ${MAX_TEXT_BYTES}`);
  const deps = { env: config.env, history, signal: context.request.signal };
  const { originalContent, updatedContent, provider, message } = await applyEdit(path, edit, deps);
  const answer = { success: true, path: path.shown, originalContent, updatedContent, provider, message } as const;
  return json(answer satisfies FastApplyResponse);
}

async function getRanking(context: RequestContext, config: SandboxApiConfig): Promise<Response> {
  const { query: parameters, request } = context;
  const query = parameters.get("query") ?? "";
  if (query === "") throw new AppError("INVALID_ARGUMENT", "query parameter is required");
  const asked = {
    query,
    scoreThreshold: numberOf(parameters, "scoreThreshold", /^\d*\.?\d+$/),
    tokenLimit: numberOf(parameters, "tokenLimit", /^\d{1,9}$/),
    filePattern: parameters.get("filePattern") ?? undefined,
  };
  const { absolute } = requestedPath(context, config);
  const { files, message, provider } = await rerank(absolute, asked, { env: config.env, signal: request.signal });
  return json({ success: true, files, message, provider } satisfies RerankResponse);
}

function numberOf(parameters: URLSearchParams, name: string, pattern: RegExp): number | undefined {
  const value = parameters.get(name);
  if (value === null || value === "") return undefined;
  if (pattern.test(value)) return Number(value);
  throw new AppError("INVALID_ARGUMENT", `invalid ${name}: ${value}`);
}
