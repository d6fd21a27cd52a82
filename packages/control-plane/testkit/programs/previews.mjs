// Drives the preview, token and session calls of the stock client and prints what it saw as one JSON object.
import { SandboxInstance } from "@blaxel/core";

const HOUR_MS = 3_600_000;
const inMs = (delayMs) => new Date(Date.now() + delayMs);
const caught = (promise) =>
  promise.then(
    () => "no error",
    (error) => error,
  );
const seen = {};

const sandbox = await SandboxInstance.create({ name: "shown" });
const wanted = { metadata: { name: "web" }, spec: { port: 3000, public: false } };
const preview = await sandbox.previews.createIfNotExists(wanted);
seen.preview = { metadata: preview.metadata, spec: preview.spec };
seen.sameUrl = (await sandbox.previews.createIfNotExists(wanted)).spec.url === preview.spec.url;
seen.conflict = await caught(sandbox.previews.create(wanted));
seen.forced = (await sandbox.previews.create({ ...wanted, spec: { port: 3001 } }, true)).spec.port;
seen.open = (await sandbox.previews.create({ metadata: { name: "open" }, spec: { port: 3000, public: true } })).spec;

const token = await preview.tokens.create(inMs(HOUR_MS));
seen.token = { value: token.value, expiresAt: token.expiresAt, expired: token.expired };
seen.tokens = (await preview.tokens.list()).map(({ value }) => value === token.value);
seen.tokenDeleted = await preview.tokens.delete(token.value);
seen.tokensLeft = (await preview.tokens.list()).length;

seen.listed = (await sandbox.previews.list()).map(({ name }) => name);
await sandbox.previews.delete("web");
seen.deleted = await caught(sandbox.previews.get("web"));
seen.recreatedUrl = (await sandbox.previews.create(wanted)).spec.url === preview.spec.url;

const session = await sandbox.sessions.create({ expiresAt: inMs(2 * HOUR_MS), responseHeaders: { "X-A": "b" } });
seen.session = session;
seen.sessions = await sandbox.sessions.list();
seen.gotSession = await sandbox.sessions.get(session.name);
seen.keptSession = (await sandbox.sessions.createIfExpired()).name === session.name;
seen.newSession = (await sandbox.sessions.createIfExpired({}, 3 * HOUR_MS)).name;
const [left] = await sandbox.sessions.list();
await sandbox.sessions.delete(left.name);
seen.sessionsLeft = (await sandbox.sessions.list()).length;

process.stdout.write(JSON.stringify(seen));
