import { AppError } from "@dormouse/kernel";
import { json } from "../http.ts";
import { JsonFields } from "../json-body.ts";
import type { RequestContext, Route } from "../router.ts";

const MAX_NAME_LENGTH = 128;
const MAX_PATH_LENGTH = 512;
const ID_MAP = /^(?:\w+:\d+(?:,|$))*$/;

/**
 * Everything under `/drives`: requests are checked as clients expect, and then refused, as there is no drive service to mount
 * from. Volumes are what keeps files beyond a sandbox.
 */
export function driveRoutes(): Route[] {
  return [
    { method: "POST", pattern: "/drives/mount", handle: ({ request }) => mount(request) },
    { method: "GET", pattern: "/drives/mount", handle: () => json({ mounts: [] }) },
    { method: "DELETE", pattern: "/drives/mount/*", handle: unmount },
  ];
}

async function mount(request: Request): Promise<Response> {
  const fields = await JsonFields.of(request);
  const name = fields.requiredString("driveName");
  check(/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name) && name.length <= MAX_NAME_LENGTH, "invalid driveName");
  checkMountPath(fields.requiredString("mountPath"));
  check((fields.string("drivePath") || "/").startsWith("/"), "drivePath must start with '/'");
  fields.boolean("readOnly");
  for (const map of ["uidMap", "gidMap"]) check(ID_MAP.test(fields.string(map) ?? ""), `invalid ${map}`);
  throw new AppError("UNPROCESSABLE", "drives are not available on this host: there is no drive service, use a volume");
}

function unmount({ wildcard }: RequestContext): Response {
  const path = wildcard.replace(/^\/+/, "/");
  check(path !== "/", "mountPath is required");
  checkMountPath(path);
  throw new AppError("INTERNAL", `failed to unmount drive: ${path} is not a mount point`);
}

function checkMountPath(path: string): void {
  check(path.length <= MAX_PATH_LENGTH && !path.includes("\0"), "invalid mountPath");
  check(!path.split("/").includes(".."), "mountPath must not contain '..'");
}

function check(isValid: boolean, reason: string): void {
  if (!isValid) throw new AppError("INVALID_ARGUMENT", reason);
}
