import type { SandboxApiConfig } from "../config.ts";
import { type FilePath, requestedPath } from "../files/paths.ts";
import { json } from "../http.ts";
import type { RequestContext, Route } from "../router.ts";
import { searchContent } from "./content-search.ts";
import { find } from "./find.ts";
import { searchNames } from "./fuzzy-search.ts";

type Search = (root: FilePath, context: RequestContext) => Promise<unknown>;

/** Finding files by name and by content. Without a path it is the working directory that is searched. */
export function searchRoutes(config: SandboxApiConfig): Route[] {
  const routes = (prefix: string, search: Search): Route[] => {
    const handle = async (context: RequestContext) => json(await search(requestedPath(context, config), context));
    return [
      { method: "GET", pattern: prefix, handle },
      { method: "GET", pattern: `${prefix}/*`, handle },
    ];
  };
  return [
    ...routes("/filesystem-find", find),
    ...routes("/filesystem-search", searchNames),
    ...routes("/filesystem-content-search", searchContent),
  ];
}
