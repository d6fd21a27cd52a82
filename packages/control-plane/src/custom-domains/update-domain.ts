import { AppError } from "@dormouse/kernel";
import type { CustomDomainUpdateRequest } from "@dormouse/schema";
import type { CustomDomainRecord } from "@dormouse/store";
import type { DomainContext } from "./context.ts";
import { domainNotFound, requireOwnDomain } from "./find-domain.ts";

/**
 * Renames, relabels, and says which preview serves the hosts that no preview has. What the request leaves out stays, `null`
 * clears.
 * @throws {AppError} DOMAIN_NOT_FOUND, INVALID_ARGUMENT for a preview that the workspace has not
 */
export async function updateDomain(
  context: DomainContext,
  { id, workspace, name }: CustomDomainRecord,
  { metadata, spec }: CustomDomainUpdateRequest,
): Promise<CustomDomainRecord> {
  const { store, directory, clock } = context;
  return context.changeOf(id, async () => {
    const domain = requireOwnDomain(context, workspace, name);
    const fallbackPreviewId = await findFallback(context, domain, spec.fallbackPreviewId);
    const changed = await store.customDomains.change(id, {
      displayName: metadata.displayName === undefined ? domain.displayName : (metadata.displayName ?? undefined),
      labels: metadata.labels === undefined ? domain.labels : (metadata.labels ?? {}),
      fallbackPreviewId,
      updatedAtMs: clock(),
    });
    if (changed === undefined) throw domainNotFound(name, workspace);
    directory.domains.put(changed);
    return changed;
  });
}

/** Clients name the preview by its id, by its prefix on the domain or by its name; what is set already may be gone by now. */
async function findFallback(
  { store }: DomainContext,
  { id, workspace, fallbackPreviewId }: CustomDomainRecord,
  wanted: string | null | undefined,
): Promise<string | undefined> {
  if (wanted === undefined || wanted === fallbackPreviewId) return fallbackPreviewId;
  if (wanted === null || wanted === "") return undefined;
  const previews = await store.previews.inWorkspace(workspace);
  const named = previews.filter(({ name }) => name === wanted);
  const found =
    previews.find((preview) => preview.id === wanted) ??
    previews.find(({ customHost, spec }) => customHost?.domainId === id && spec.prefixUrl === wanted) ??
    (named.length === 1 ? named[0] : undefined);
  if (found !== undefined) return found.id;
  const state = named.length === 0 ? "has no such preview" : "has several previews of that name";
  throw new AppError("INVALID_ARGUMENT", `Cannot fall back to "${wanted}": workspace "${workspace}" ${state}`, {
    hint: "Give the prefix of a preview on this domain, or the first part of the host in a preview's own URL",
  });
}
