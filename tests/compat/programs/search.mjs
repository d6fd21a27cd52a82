import { SandboxInstance } from "@blaxel/core";
import { caught, report, until } from "./report.mjs";

const seen = {};
const sandbox = await SandboxInstance.create({ name: "search", memory: 1024 });
const { fs } = sandbox;

await fs.writeTree(
  [
    { path: "README.md", content: "# Shop\nA shop for hats.\n" },
    { path: "src/cart.ts", content: "export function addToCart() {}\n// TODO hats\nexport const total = 0;\n" },
    { path: "src/user-profile.ts", content: "export class UserProfile {}\n" },
    { path: "node_modules/x/cart.ts", content: "TODO ignored" },
    { path: ".hidden/cart.ts", content: "TODO hidden\n" },
  ],
  "/tmp/shop",
);
const sorted = (matches) => matches.map(({ path }) => path).toSorted();
seen.find = sorted((await fs.find("/tmp/shop", { patterns: ["*.ts"] })).matches);
seen.findFolders = sorted((await fs.find("/tmp/shop", { type: "directory" })).matches);
seen.findBounded = (await fs.find("/tmp/shop", { maxResults: 1 })).total;
seen.findRefused = (await caught(fs.find("/tmp/shop", { type: "socket" }))).status;
seen.grep = (await fs.grep("todo", "/tmp/shop", { filePattern: "*.ts", contextLines: 1 })).matches.map(
  ({ path, line, column, text }) => ({ path, line, column, text }),
);
seen.grepNothing = await fs.grep("nowhere", "/tmp/shop");
seen.search = (await fs.search("usrprof", "/tmp/shop")).total >= 0;

const events = [];
const errors = [];
const watcher = fs.watch("/tmp/shop/**", (event) => events.push(event), {
  ignore: ["node_modules"],
  withContent: true,
  onError: (error) => errors.push(String(error)),
});
await until(async () => {
  await fs.write("/tmp/shop/src/new.ts", "fresh");
  return events.some(({ name, content }) => name === "new.ts" && content === "fresh");
});
await fs.write("/tmp/shop/node_modules/x/new.js", "1");
await sandbox.process.exec({
  command: "mkdir -p a/b && echo 1 > a/b/deep",
  workingDir: "/tmp/shop",
  waitForCompletion: true,
});
await until(() => events.some(({ name, path }) => name === "deep" && path === "/tmp/shop/a/b"));
await fs.rm("/tmp/shop/src/new.ts");
await until(() => events.some(({ op, name }) => op === "REMOVE" && name === "new.ts"));
watcher.close();
seen.watch = { ignored: events.filter(({ path }) => path.includes("node_modules")).length, errors };

await sandbox.delete();
report(seen);
