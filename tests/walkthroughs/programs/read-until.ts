import { SandboxInstance } from "@blaxel/core";

/* Prints a file of a sandbox as soon as it holds a text, at most 20 s from now. Arguments: sandbox, path, text. */
const [name = "", path = "", text = ""] = process.argv.slice(2);
const sandbox = await SandboxInstance.get(name);
const deadlineMs = Date.now() + 20_000;
for (;;) {
  const content = await sandbox.fs.read(path).catch(String);
  if (content.includes(text) || Date.now() > deadlineMs) {
    process.stdout.write(content);
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
}
