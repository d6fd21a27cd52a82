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
    sharedWith: [],
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
    });
    await store.customDomains.insert(domain);
    expect(await store.customDomains.all()).toEqual([domain]);
    expect(await codeOf(store.customDomains.insert(newDomain("a.example")))).toBe("DOMAIN_ALREADY_EXISTS");
    const change = { displayName: undefined, labels: {}, fallbackPreviewId: "p", updatedAtMs: 2 };
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
      expect(new Set(codes)).toEqual(new Set(["DOMAIN_ALREADY_EXISTS", undefined]));
      const [winner, loser] = codes[0] === undefined ? [mine, OTHER] : [theirs, WORKSPACE];
      const late = newDomain(`x.${winner}`, { workspace: loser });
      expect(await codeOf(store.customDomains.insert(late))).toBe("DOMAIN_ALREADY_EXISTS");
    }
  });

  test("F171 who loses the use of a domain loses the previews under it, and nobody else does", async () => {
    await using store = await openInstalledStore(await kind.create());
    await addOther(store);
    const domain = newDomain("a.example");
    await store.customDomains.insert(domain);
    await store.customDomains.settle(domain.id, VERIFIED);
    const [mine, theirs] = [newSandbox("mine"), newSandbox("theirs", { workspace: OTHER })];
    const previews = [newPreview(mine, "web"), newPreview(theirs, "web"), newPreview(theirs, "plain")];
    for (const sandbox of [mine, theirs]) await store.sandboxes.insert(sandbox);
    const share = async (isAccountWide: boolean, sharedWith: readonly WorkspaceName[]) => {
      const audience = { isAccountWide, sharedWith, updatedAtMs: 2 };
      const shared = await store.customDomains.share(domain.id, audience);
      expect(await store.customDomains.all()).toEqual([{ ...domain, ...VERIFIED, ...audience }]);
      return shared?.removedPreviewIds;
    };
    await share(false, [OTHER]);
    for (const [at, preview] of previews.entries()) {
      const customHost = at === 2 ? undefined : { domainId: domain.id, hostname: `${at}.a.example` };
      await store.previews.insert({ ...preview, customHost });
    }
    expect(await share(false, [OTHER])).toEqual([]);
    expect(await share(true, [])).toEqual([]);
    expect(await share(false, [])).toEqual([previews[1]?.id ?? ""]);
    const late = { ...newPreview(theirs, "late"), customHost: { domainId: domain.id, hostname: "late.a.example" } };
    expect(await codeOf(store.previews.insert(late))).toBe("DOMAIN_NOT_FOUND");
    expect(await store.previews.all()).toHaveLength(2);
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
