import { expect } from "bun:test";
import { zipOf } from "@dormouse/kernel/testkit";
import type { SandboxAnswer } from "@dormouse/schema";
import type { Api } from "./api.ts";

/** Of a test's own making, small enough for a busy machine. */
const BUILD_MAX_MS = 110_000;
const POLL_MS = 100;

export type Files = Readonly<Record<string, string | Buffer>>;

/** A build context as users pack it. */
export const packed = (files: Files): Buffer =>
  zipOf(Object.entries(files).map(([name, content]) => ({ name, content })));

export interface UploadRequest {
  readonly method?: "POST" | "PUT";
  /** By default `/sandboxes` for POST, and the sandbox for PUT. */
  readonly path?: string;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** The address that a call with `upload=true` answers with. */
export async function uploadUrl(api: Api, name: string, request: UploadRequest = {}): Promise<string> {
  const { method = "POST", path = method === "POST" ? "/sandboxes" : `/sandboxes/${name}` } = request;
  const body = request.body ?? { metadata: { name }, spec: { runtime: { memory: 512 } } };
  const response = await fetch(`${api.env["BL_API_URL"]}${path}?upload=true`, {
    method,
    headers: { authorization: `Bearer ${api.key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
  return response.headers.get("x-blaxel-upload-url") ?? "";
}

export const putContext = (url: string, body: Uint8Array | ReadableStream<Uint8Array>): Promise<Response> =>
  fetch(url, { method: "PUT", body: body as Bun.BodyInit, headers: { "content-type": "application/zip" } });

/** Uploads a context for a sandbox; what comes of it is another matter. */
export async function upload(api: Api, name: string, files: Files, request: UploadRequest = {}): Promise<void> {
  const response = await putContext(await uploadUrl(api, name, request), packed(files));
  expect({ status: response.status, text: await response.text() }).toMatchObject({ status: 200 });
}

/** Polls as clients do, and resolves with the sandbox when it has this status, or one that it does not leave any more. */
export async function untilStatus(api: Api, name: string, status: SandboxAnswer["status"]): Promise<SandboxAnswer> {
  const deadlineMs = performance.now() + BUILD_MAX_MS;
  for (;;) {
    const answer = await api.call<SandboxAnswer>("GET", `/sandboxes/${name}`).catch(() => undefined);
    const sandbox = answer?.status === 200 ? answer.body : undefined;
    if (sandbox?.status === status) return sandbox;
    if (sandbox?.status === "FAILED") throw new Error(`sandbox "${name}" failed: ${JSON.stringify(sandbox.errors)}`);
    if (performance.now() > deadlineMs) throw new Error(`sandbox "${name}" is ${sandbox?.status}, not ${status}`);
    await Bun.sleep(POLL_MS);
  }
}
