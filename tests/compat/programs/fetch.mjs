import { SandboxInstance } from "@blaxel/core";
import { report } from "./report.mjs";

const seen = {};
const sandbox = await SandboxInstance.create({ name: "fetched", memory: 512 });
await sandbox.fs.write(
  "/tmp/app.js",
  `require("http").createServer((request, response) => {
     if (request.url === "/stream") return void [response.write("first\\n"), setTimeout(() => response.end("last\\n"), 200)];
     const chunks = [];
     request.on("data", (chunk) => chunks.push(chunk)).on("end", () => {
       const { method, url, headers } = request;
       response.writeHead(url === "/teapot" ? 418 : 200, { "x-app": "yes", "set-cookie": ["a=1", "b=2"] });
       response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }));
     });
   }).listen(3000, "0.0.0.0");`,
);
await sandbox.process.exec({ name: "app", command: "node /tmp/app.js", waitForPorts: [3000], timeout: 20 });

const plain = await sandbox.fetch(3000, "/a%20b?c=%2F");
seen.plain = {
  status: plain.status,
  header: plain.headers.get("x-app"),
  cookies: plain.headers.getSetCookie(),
  body: await plain.json(),
};
const posted = await sandbox.fetch(3000, "/p", {
  method: "POST",
  body: "data",
  headers: { "x-own": "1", authorization: "Bearer apps-own" },
});
seen.posted = await posted.json();
seen.teapot = (await sandbox.fetch(3000, "/teapot")).status;
seen.root = (await (await sandbox.fetch(3000)).json()).url;
const reader = (await sandbox.fetch(3000, "/stream")).body.getReader();
seen.stream = [];
for (let part = await reader.read(); !part.done; part = await reader.read())
  seen.stream.push(Buffer.from(part.value).toString());
seen.dead = (await sandbox.fetch(4000, "/")).status;
seen.reserved = (await sandbox.fetch(443, "/")).status;

await sandbox.delete();
report(seen);
