import { SandboxInstance } from "@blaxel/core";
import { caught, report } from "./report.mjs";

const seen = {};
const sandbox = await SandboxInstance.create({ name: "previews", memory: 512 });
const SERVER = `node -e 'require("http").createServer((q, r) => r.end("app " + q.method + " " + q.url)).listen(3000, "0.0.0.0")'`;
await sandbox.process.exec({ name: "server", command: SERVER, waitForPorts: [3000], timeout: 20 });
const visit = async (url, init) => {
  const response = await fetch(url, init);
  return `${response.status} ${response.ok ? await response.text() : ""}`.trim();
};

const config = { metadata: { name: "private" }, spec: { port: 3000, public: false } };
const preview = await sandbox.previews.createIfNotExists(config);
seen.same = (await sandbox.previews.createIfNotExists(config)).spec.url === preview.spec.url;
seen.url = preview.spec.url;
const token = await preview.tokens.create(new Date(Date.now() + 86_400_000));
seen.token = {
  matches: /^[\w-]+$/.test(token.value),
  expired: token.expired,
  listed: (await preview.tokens.list()).length,
};
seen.withoutToken = await visit(preview.spec.url);
seen.byQuery = await visit(`${preview.spec.url}/page?a=1&bl_preview_token=${token.value}`);
seen.byHeader = await visit(`${preview.spec.url}/page`, {
  method: "POST",
  headers: { "X-Blaxel-Preview-Token": token.value },
});
await preview.tokens.delete(token.value);
seen.tokenDeleted = await visit(`${preview.spec.url}/page?bl_preview_token=${token.value}`);

const open = await sandbox.previews.create({ metadata: { name: "public" }, spec: { port: 3000, public: true } });
seen.public = await visit(`${open.spec.url}/page`);
seen.got = (await sandbox.previews.get("public")).spec.url === open.spec.url;
seen.list = (await sandbox.previews.list()).map(({ name }) => name).toSorted();
await sandbox.previews.delete("public");
seen.afterDelete = { visit: await visit(open.spec.url), get: (await caught(sandbox.previews.get("public"))).code };
seen.listAfterDelete = (await sandbox.previews.list()).map(({ name }) => name);

await sandbox.delete();
report(seen);
