import { getTool, SandboxInstance } from "@blaxel/core";
import { report } from "./report.mjs";

const seen = {};
const sandbox = await SandboxInstance.create({ name: "tools", memory: 1024 });
const tools = await getTool("sandbox/tools", { ms: 0 });
const call = async (name, input = {}) => {
  const tool = tools.find((candidate) => candidate.name === name);
  const { isError, structuredContent, content } = await tool.call(input);
  return isError === true ? { error: content[0].text } : structuredContent;
};
seen.names = tools.map(({ name }) => name).toSorted();
// The client turned every schema into zod: what a model would send passes, an unknown type of value does not.
const schemaOf = (name) => tools.find((candidate) => candidate.name === name).inputSchema;
seen.schemas = {
  exec: schemaOf("processExecute").safeParse({ command: "ls", timeout: null, env: { A: "1" } }).success,
  wrong: schemaOf("fsReadFile").safeParse({ path: 1 }).success,
};

const exec = await call("processExecute", { command: "echo from-mcp; pwd", name: "job", waitForCompletion: true });
seen.exec = { status: exec.status, exitCode: exec.exitCode, logs: exec.logs };
seen.logs = await call("processGetLogs", { identifier: "job" });
seen.get = (await call("processGet", { identifier: exec.pid })).name;
seen.list = (await call("processesList")).processes.map(({ name }) => name);
await call("processExecute", { command: "sleep 300", name: "long" });
seen.stop = await call("processStop", { identifier: "long" });
seen.kill = (await call("processKill", { identifier: "none" })).error;

seen.cwd = (await call("fsGetWorkingDirectory")).path;
await call("fsWriteFile", {
  path: "/tmp/app/main.py",
  content: "def add(a, b):\n    return a - b\n\n\nprint(add(1, 2))\n",
});
seen.edit = await call("fsEditFile", { path: "/tmp/app/main.py", oldString: "a - b", newString: "a + b" });
seen.read = (await call("fsReadFile", { path: "/tmp/app/main.py" })).content;
seen.listed = (await call("fsListDirectory", { path: "/tmp/app" })).directory.files.map(({ name }) => name);

seen.codegenEdit = await call("codegenEditFile", {
  targetFile: "/tmp/app/main.py",
  instructions: "Add a docstring",
  codeEdit: 'def add(a, b):\n    """The sum of both."""\n    return a + b\n\n# ... existing code ...\n',
});
seen.edited = await sandbox.fs.read("/tmp/app/main.py");
seen.range = (
  await call("codegenReadFileRange", {
    targetFile: "/tmp/app/main.py",
    startLineOneIndexed: 1,
    endLineOneIndexedInclusive: 2,
  })
).content;
seen.codebase = (
  await call("codegenCodebaseSearch", { query: "where are numbers added", targetDirectories: ["/tmp/app"] })
).results.length;
seen.fileSearch = (await call("codegenFileSearch", { query: "main" })).success;
seen.listDir = (await call("codegenListDir", { relativeWorkspacePath: "." })).success;
const late = {
  targetFile: "/tmp/app/late.py",
  instructions: "Return one",
  codeEdit: "def late():\n    return 1\n\n\nprint(late())\n",
};
await call("fsWriteFile", { path: late.targetFile, content: "x = 1\ny = 2\nz = 3\n" });
const refused = (await call("codegenEditFile", late)).error;
await call("fsWriteFile", { path: late.targetFile, content: "def late():\n    return 0\n\n\nprint(late())\n" });
seen.reapply = { refused, again: (await call("codegenReapply", { targetFile: late.targetFile })).success };
await call("fsDeleteFileOrDirectory", { path: late.targetFile });
seen.rerank = (await call("codegenRerank", { path: "/tmp/app", query: "add numbers", scoreThreshold: 0 })).files.length;

seen.fastapply = await sandbox.codegen.fastapply(
  "/tmp/app/main.py",
  "# ... existing code ...\nprint(add(1, 2))\nprint(add(3, 4))\n",
);
seen.reranking = (await sandbox.codegen.reranking("/tmp/app", "add", 0)).files.map(({ path }) => path);

seen.delete = await call("fsDeleteFileOrDirectory", { path: "/tmp/app", recursive: true });

await sandbox.delete();
report(seen);
process.exit(0);
