import type { UpgradeStarted } from "@dormouse/schema";
import { json } from "../http.ts";
import { JsonFields } from "../json-body.ts";
import type { Route } from "../router.ts";
import type { Upgrade } from "./upgrade.ts";

const DEFAULT_VERSION = "latest";

/** The client's word on version and source is repeated to it, not followed. */
export function upgradeRoutes(upgrade: Upgrade): Route[] {
  const handle = async ({ request }: { readonly request: Request }) => {
    const fields = await JsonFields.of(request).catch(() => new JsonFields({}));
    const isStarted = upgrade.start();
    const answer: UpgradeStarted = {
      message: isStarted ? "Upgrade started" : "Upgrade already in progress",
      version: textOr(DEFAULT_VERSION, () => fields.string("version")),
      baseUrl: textOr("", () => fields.string("baseUrl")),
    };
    return json(answer);
  };
  return [{ method: "POST", pattern: "/upgrade", handle }];
}

/** A body that makes no sense is no reason to refuse. */
function textOr(fallback: string, read: () => string | undefined): string {
  try {
    return read() ?? fallback;
  } catch {
    return fallback;
  }
}
