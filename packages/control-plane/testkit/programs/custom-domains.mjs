// Drives the stock client's generated calls of custom domains and prints what it saw as one JSON object.
import {
  createCustomDomain,
  deleteCustomDomain,
  getCustomDomain,
  listCustomDomains,
  listCustomDomainShares,
  SandboxInstance,
  shareCustomDomain,
  unshareCustomDomain,
  updateCustomDomain,
  verifyCustomDomain,
} from "@blaxel/core";

const caught = (promise) =>
  promise.then(
    () => "no error",
    (error) => error,
  );
const dataOf = async (promise) => (await promise).data;
const seen = {};

const path = { domainName: "shop.example" };
const options = { path, throwOnError: true };
const sandbox = await SandboxInstance.create({ name: "shown" });
const body = { metadata: { name: path.domainName, displayName: "Shop" }, spec: { domainType: "previews" } };
seen.created = await dataOf(createCustomDomain({ body, throwOnError: true }));
seen.conflict = await caught(createCustomDomain({ body, throwOnError: true }));
const wanted = { metadata: { name: "www" }, spec: { port: 3000, customDomain: path.domainName, prefixUrl: "www" } };
seen.tooEarly = await caught(sandbox.previews.create(wanted));
seen.verified = (await dataOf(verifyCustomDomain(options))).spec;
seen.preview = (await sandbox.previews.create(wanted)).spec;
const spec = { fallbackPreviewId: "www" };
seen.fallback = (await dataOf(updateCustomDomain({ ...options, body: { metadata: {}, spec } }))).spec;
seen.got = (await dataOf(getCustomDomain(options))).metadata;
seen.listed = (await dataOf(listCustomDomains({ throwOnError: true }))).map(({ metadata }) => metadata.name);
await shareCustomDomain({ ...options, body: { targetWorkspace: "account" } });
seen.shares = await dataOf(listCustomDomainShares(options));
await unshareCustomDomain({ path: { ...path, targetWorkspace: "account" }, throwOnError: true });
seen.sharesLeft = await dataOf(listCustomDomainShares(options));
seen.deleted = (await dataOf(deleteCustomDomain(options))).metadata.name;
seen.missing = await caught(getCustomDomain(options));

process.stdout.write(JSON.stringify(seen));
