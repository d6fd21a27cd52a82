import { expect, test } from "bun:test";
import { randomId, type AppError } from "@dormouse/kernel";
import { DomainName, WorkspaceName } from "@dormouse/schema";
import { describeEachDatabase, newPreview, newSandbox, openInstalledStore, WORKSPACE } from "../testkit/index.ts";
import type { CustomDomainRecord, Store } from "./index.ts";

const OTHER = WorkspaceName.parse("other");
const VERIFIED = { status: "verified", failure: undefined, lastCheckedAtMs: 7 } as const;

function newDomain(name: string, change: Partial<CustomDomainRecord> = {}): CustomDomainRecord {
  return {
    id: randomId(),
    workspace: WORKSPACE,
    name: DomainName.parse(name),
    displayName: undefined,
    labels: {},
    region: undefined,
    status: "pending",
    challenge: "c",
    fallbackPreviewId: undefined,
    isAccountWide: false,
    lastCheckedAtMs: undefined,
    failure: undefined,
    createdAtMs: 1,
    updatedAtMs: 1,
    ...change,
  };
}

const codeOf = (call: Promise<unknown>): Promise<string | undefined> =>
  call.then(
    () => undefined,
    (error: AppError) => error.code,
  );

async function addOther(store: Store): Promise<void> {
  const [first] = await store.accounts.workspaces();
  if (first === undefined) throw new Error("the installation is not set up");
  await store.accounts.insertWorkspace({ ...first, id: "w2", name: OTHER });
}

describeEachDatabase((kind) => {
  test("F171 a domain is stored, changed, settled and removed; a workspace claims it once", async () => {
    await using store = await openInstalledStore(await kind.create());
    const domain = newDomain("a.example", {
      displayName: "A",
      labels: { a: "b" },
      region: "here",
      isAccountWide: true,
    });
    await store.customDomains.insert(domain);
    expect(await store.customDomains.all()).toEqual([domain]);
    expect(await codeOf(store.customDomains.insert(newDomain("a.example")))).toBe("DOMAIN_ALREADY_EXISTS");
    const change = { displayName: undefined, labels: {}, fallbackPreviewId: "p", isAccountWide: false, updatedAtMs: 2 };
    const changed = await store.customDomains.change(domain.id, change);
    expect(changed).toEqual({ ...domain, ...change });
    const failed = { status: "failed", failure: "no record", lastCheckedAtMs: 3 } as const;
    expect(await store.customDomains.settle(domain.id, failed)).toEqual({ ...domain, ...change, ...failed });
    const settled = await store.customDomains.settle(domain.id, VERIFIED);
    expect(await store.customDomains.all()).toEqual([{ ...domain, ...change, ...VERIFIED }]);
    expect(settled).toEqual({ ...domain, ...change, ...VERIFIED });
    await store.customDomains.remove(domain.id);
    await store.customDomains.remove(domain.id);
    expect(await store.customDomains.change(domain.id, { updatedAtMs: 3 })).toBeUndefined();
    expect(await store.customDomains.settle(domain.id, VERIFIED)).toBeUndefined();
  });

  test("F171 of workspaces that verify the same domain, or one above and one below, at once, one does", async () => {
    await using store = await openInstalledStore(await kind.create());
    await addOther(store);
    for (const [mine, theirs] of [
      ["same.example", "same.example"],
      ["up.example", "a.up.example"],
      ["b.down.example", "down.example"],
    ] as const) {
      const claims = [newDomain(mine), newDomain(theirs, { workspace: OTHER })];
      for (const claim of claims) await store.customDomains.insert(claim);
      const codes = await Promise.all(claims.map(({ id }) => codeOf(store.customDomains.settle(id, VERIFIED))));
      expect(codes.toSorted()).toEqual(["DOMAIN_ALREADY_EXISTS", undefined]);
      const late = newDomain(`x.${mine}`, { workspace: codes[0] === undefined ? OTHER : WORKSPACE });
      expect(await codeOf(store.customDomains.insert(late))).toBe("DOMAIN_ALREADY_EXISTS");
    }
  });

  test("F170 a host under a domain belongs to one preview, and only while the domain is verified", async () => {
    await using store = await openInstalledStore(await kind.create());
    const [sandbox, domain, again] = [newSandbox("box"), newDomain("a.example"), newDomain("b.example")];
    await store.sandboxes.insert(sandbox);
    for (const each of [domain, again]) await store.customDomains.insert(each);
    const at = (name: string, hostname: string, { id: domainId } = domain) => ({
      ...newPreview(sandbox, name),
      customHost: { domainId, hostname },
    });
    const web = at("web", "www.a.example");
    expect(await codeOf(store.previews.insert(web))).toBe("DOMAIN_NOT_FOUND");
    for (const { id } of [domain, again]) await store.customDomains.settle(id, VERIFIED);
    await store.previews.insert(web);
    expect(await store.previews.find(sandbox.id, "web")).toEqual(web);
    expect(await codeOf(store.previews.insert(at("other", "www.a.example")))).toBe("PREVIEW_ALREADY_EXISTS");
    await store.previews.insert(at("elsewhere", "www.a.example", again));
    await store.previews.insert(newPreview(sandbox, "plain"));
    await store.previews.insert(newPreview(sandbox, "plain-too"));
    await store.customDomains.remove(domain.id);
    const names = (await store.previews.inWorkspace(WORKSPACE)).map(({ name }) => name as string);
    expect(names.toSorted()).toEqual(["elsewhere", "plain", "plain-too"]);
    expect(await store.previews.inWorkspace(OTHER)).toEqual([]);
  });
});
