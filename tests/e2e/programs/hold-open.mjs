/* Opens connections of every kind to a sandbox at the URL given first, with the key given second, says "open" and keeps them. */
import { request } from "node:http";
import { WebSocket } from "ws";

const [url, key] = process.argv.slice(2);
const headers = { authorization: `Bearer ${key}` };

const stream = (path) =>
  new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, { headers }, (response) => response.once("data", resolve));
    sent.once("error", reject).end();
  });
const socket = (path) =>
  new Promise((resolve, reject) => {
    const opened = new WebSocket(`${url.replace("http", "ws")}${path}`, { headers });
    opened.once("open", resolve).once("error", reject);
  });
/** Half an upload, which is never finished. */
const upload = () =>
  new Promise((resolve, reject) => {
    const sent = request(`${url}/port/3000/upload`, {
      method: "POST",
      headers: { ...headers, "content-length": 9000 },
    });
    sent.once("error", reject);
    sent.write("the first of it", resolve);
  });

const opened = {
  "silent stream": () => stream("/port/3000/silent-stream"),
  "event stream": () => stream("/port/3000/ticks"),
  WebSocket: () => socket("/port/3000/echo"),
  terminal: () => socket("/terminal/ws"),
  "MCP session": () => socket(""),
  upload,
};
await opened[process.argv[4]]();
console.log("open");
setInterval(() => undefined, 1000);
