import type { CustomDomainRecord } from "@dormouse/store";
import type { DomainContext } from "./context.ts";

/** The previews under it and their tokens go with it. Idempotent. */
export async function deleteDomain(context: DomainContext, { id }: CustomDomainRecord): Promise<void> {
  const { store, directory } = context;
  await context.changeOf(id, async () => {
    await store.customDomains.remove(id);
    directory.removeDomain(id);
  });
}
