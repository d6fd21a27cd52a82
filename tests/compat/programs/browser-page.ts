import { initialize, SandboxInstance } from "@blaxel/core";

/** What the page did with the SDK, for the test to read. */
async function useSdk(): Promise<unknown> {
  const proxy = new URL("/blaxel", import.meta.url).href;
  initialize({ proxy, workspace: "default" });
  const withoutCredential = await SandboxInstance.get("in-browser").catch((error: unknown) => String(error));
  initialize({ proxy, workspace: "elsewhere", apiKey: "added by the route" });
  const sandbox = await SandboxInstance.createIfNotExists({ name: "in-browser", memory: 1024 });
  const { stdout } = await sandbox.process.exec({ command: "echo one; echo two", waitForCompletion: true });
  const streamed: string[] = [];
  await sandbox.process.exec({
    command: "echo three; sleep 0.2; echo four",
    waitForCompletion: true,
    onLog: (line) => streamed.push(line),
  });
  await sandbox.fs.write("/tmp/a b/file.txt", "written in a browser");
  const preview = await sandbox.previews.create({ metadata: { name: "web" }, spec: { port: 3000, public: true } });
  const missing = await SandboxInstance.get("missing").catch((error: unknown) => error);
  const again = await SandboxInstance.get("in-browser");
  const page = await SandboxInstance.list();
  return {
    withoutCredential,
    stdout,
    streamed: streamed.join(""),
    read: await again.fs.read("/tmp/a b/file.txt"),
    url: again.metadata.url,
    previewUrl: preview.spec.url,
    missing,
    names: page.data.map(({ metadata }) => metadata.name),
  };
}

useSdk().then(
  (outcome) => Object.assign(globalThis, { outcome }),
  (error: unknown) => Object.assign(globalThis, { outcome: String(error) }),
);
