import { existsSync } from "node:fs";
import { examineHost, examineRoom, type Finding } from "@dormouse/engine";
import type { Config } from "../config.ts";
import { CHECKOUT, isOneFile, SERVER_USER } from "../installation.ts";
import { findUser } from "../server-user.ts";

const MARKS = { ok: "✔", limited: "●", missing: "✘" } as const;

/** Prints what this host can and cannot do. Exits with 1 when something Dormouse needs is missing. */
export async function runDoctor(asJson: boolean, config: Config): Promise<void> {
  const room = examineRoom(config.dataDir, config.admission);
  const findings = [...(await examineHost()), room, examineAgent(), examineServerUser(config)];
  if (findings.some((finding) => finding.status === "missing")) process.exitCode = 1;
  if (asJson) process.stdout.write(`${JSON.stringify(findings, null, 2)}\n`);
  else for (const finding of findings) process.stdout.write(render(finding));
}

function render({ name, status, detail, mend }: Finding): string {
  const line = `${MARKS[status]} ${name.padEnd(16)} ${detail}\n`;
  return mend === undefined || status === "ok" ? line : `${line}${" ".repeat(19)}→ ${mend}\n`;
}

function examineAgent(): Finding {
  if (isOneFile) return { name: "sandbox-api", status: "ok", detail: "in this executable" };
  if (existsSync(CHECKOUT.agentFile)) return { name: "sandbox-api", status: "ok", detail: "built" };
  return { name: "sandbox-api", status: "missing", detail: "not built", mend: "npm run setup" };
}

function examineServerUser(config: Config): Finding {
  const user = findUser(SERVER_USER);
  const detail =
    user === undefined
      ? `user "${SERVER_USER}" is made by the first \`up\``
      : `runs as user ${user.userId}, on ${config.host}`;
  return { name: "server", status: "ok", detail };
}
