import { SandboxInstance } from "@blaxel/core";
import { caught, report, until } from "./report.mjs";

const seen = {};
const sandbox = await SandboxInstance.create({ name: "agent", memory: 1024 });
const { process: processes } = sandbox;

// What a language server or an MCP server over stdio needs.
await processes.exec({ name: "upper", command: 'while read -r line; do echo "<${line^^}>"; done', stdin: true });
const lines = [];
const stream = processes.streamLogs("upper", { onStdout: (line) => lines.push(line) });
await processes.writeStdin("upper", "one\n");
await until(() => lines.includes("<ONE>"));
await processes.writeStdin("upper", "two\nthree\n");
await processes.closeStdin("upper");
await processes.closeStdin("upper");
await processes.wait("upper");
stream.close();
seen.stdin = { lines, after: (await caught(processes.writeStdin("upper", "late\n"))).status };
await processes.exec({ name: "deaf", command: "sleep 300" });
seen.noStdin = (await caught(processes.writeStdin("deaf", "x"))).status;

// The API replaces itself under running processes.
const before = await processes.exec({
  name: "server",
  command: "i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.05; done",
  keepAlive: true,
  env: { OWN: "kept" },
});
seen.upgradeAnswer = await sandbox.system.upgrade({ baseUrl: "http://127.0.0.1:1/never-asked" });
const upgradeCount = async () => {
  const answer = JSON.parse(
    (await processes.exec({ command: "curl -s http://127.0.0.1:8080/health", waitForCompletion: true })).logs,
  );
  return answer.upgradeCount;
};
await until(async () => (await upgradeCount().catch(() => 0)) > 0);
const after = await processes.get("server");
seen.upgrade = { samePid: after.pid === before.pid, status: after.status, keepAlive: after.keepAlive };
const ticks = [];
const following = processes.streamLogs("server", { onStdout: (line) => ticks.push(line) });
await until(() => ticks.length > 5);
following.close();
seen.ticks = ticks.slice(0, 5);
await processes.kill("server");
seen.killed = (await processes.get("server")).status;

await sandbox.delete();
report(seen);
process.exit(0);
