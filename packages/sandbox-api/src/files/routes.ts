import { AppError } from "@dormouse/kernel";
import { statSync } from "node:fs";
import type { SandboxApiConfig } from "../config.ts";
import { json, orUnprocessable } from "../http.ts";
import { JsonFields } from "../json-body.ts";
import type { Handler, RequestContext, Route } from "../router.ts";
import { listDirectory } from "./list.ts";
import { multipartBoundary } from "./multipart.ts";
import { requestedPath, requestedTreePath } from "./paths.ts";
import { readPath } from "./read.ts";
import { removePath } from "./remove.ts";
import { writeFromForm } from "./upload.ts";
import { writeFromJson, writeTree } from "./write.ts";

/** Everything under `/filesystem`. The trees come first: their segment is also a name a file could have. */
export function fileRoutes(config: SandboxApiConfig): Route[] {
  const tree = (method: Route["method"], handle: Handler): Route[] => [
    { method, pattern: "/filesystem/tree", handle },
    { method, pattern: "/filesystem/tree/*", handle },
  ];
  return [
    ...tree("GET", getTree),
    ...tree("PUT", putTree),
    ...tree("DELETE", deleteTree),
    {
      method: "GET",
      pattern: "/filesystem/*",
      handle: (context) => readPath(requestedPath(context, config), context),
    },
    { method: "PUT", pattern: "/filesystem/*", handle: (context) => putFile(context, config) },
    {
      method: "DELETE",
      pattern: "/filesystem/*",
      handle: async (context) => json(await removePath(requestedPath(context, config), isRecursive(context))),
    },
  ];
}

async function putFile(context: RequestContext, config: SandboxApiConfig): Promise<Response> {
  const { request } = context;
  const path = requestedPath(context, config);
  const boundary = multipartBoundary(request.headers.get("content-type"));
  if (boundary !== null) return json(await writeFromForm(path, request, boundary));
  return json(await writeFromJson(path, await JsonFields.of(request)));
}

async function getTree(context: RequestContext): Promise<Response> {
  const path = requestedTreePath(context);
  if (!isDirectory(path.absolute)) throw new AppError("INVALID_ARGUMENT", "path is not a directory");
  return json(await orUnprocessable("error listing directory", () => listDirectory(path)));
}

async function putTree(context: RequestContext): Promise<Response> {
  return json(await writeTree(requestedTreePath(context), await JsonFields.of(context.request)));
}

async function deleteTree(context: RequestContext): Promise<Response> {
  const path = requestedTreePath(context);
  return json(await orUnprocessable("error deleting directory", () => removeTree(path, isRecursive(context))));
}

async function removeTree(...[path, recursive]: Parameters<typeof removePath>) {
  try {
    return await removePath(path, recursive);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "FILE_NOT_FOUND") throw error;
    throw new AppError("UNPROCESSABLE", error.message, { cause: error });
  }
}

const isRecursive = ({ query }: RequestContext): boolean => query.get("recursive") === "true";

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
