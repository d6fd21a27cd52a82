import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { useDormouse } from "../support/suite.ts";

/* The documented script for building by API, as it is but for where it sends things: bash, zip, curl and jq. */
const suite = useDormouse();
const SCRIPT_MAX_MS = 200_000;
const THEIR_URL = "https://api.blaxel.ai/v0";

const ENTRYPOINT = `#!/bin/sh
/usr/local/bin/sandbox-api &
while ! curl -s http://127.0.0.1:8080/health > /dev/null; do sleep 0.1; done
curl -s http://127.0.0.1:8080/process -X POST -d '{"workingDir": "/app", "command": "cat note.txt", "waitForCompletion": false}' -H "Content-Type: application/json"
wait
`;

const dockerfile = (last: string): string => `FROM blaxel/base-image:latest
WORKDIR /app
COPY --from=ghcr.io/blaxel-ai/sandbox:latest /sandbox-api /usr/local/bin/sandbox-api
COPY . .
COPY entrypoint.sh /entrypoint.sh
RUN chmod +x /entrypoint.sh
${last}
ENTRYPOINT ["/entrypoint.sh"]
`;

interface Run {
  readonly exitCode: number;
  readonly output: string;
}

async function deploy(files: Readonly<Record<string, string>>): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), "dormouse-script-"));
  try {
    mkdirSync(join(folder, "mytemplate"));
    for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, "mytemplate", name), content);
    const script = readFileSync(join(import.meta.dir, "programs/deploy-image.sh"), "utf8");
    expect(script.split(THEIR_URL)).toHaveLength(2);
    writeFileSync(join(folder, "deploy.sh"), script.replace(THEIR_URL, suite.dormouse.env["BL_API_URL"] ?? ""));
    const { BL_API_KEY = "", BL_WORKSPACE = "" } = suite.dormouse.env;
    const child = Bun.spawn(["bash", "deploy.sh"], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", BL_API_KEY, BL_WORKSPACE },
      stdout: "pipe",
      stderr: "inherit",
    });
    const [output, exitCode] = await Promise.all([child.stdout.text(), child.exited]);
    return { output, exitCode };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const nameIn = ({ output }: Run): string => /my-custom-sandbox-\d+/.exec(output)?.[0] ?? "";

test(
  "F082 F083 F084 F085 F087 the documented script builds, sees each status, and ends with the image",
  async () => {
    const run = await deploy({
      Dockerfile: dockerfile("RUN ls"),
      "entrypoint.sh": ENTRYPOINT,
      "note.txt": "note of the context\n",
    });
    expect(run.output).toContain("Deployment complete!");
    expect(run.exitCode).toBe(0);
    const statuses = [...run.output.matchAll(/^ {2}Status: (\w+)$/gm)].map(([, status]) => status);
    expect(statuses).toEqual(["BUILDING", "DEPLOYING", "DEPLOYED"]);
    const name = nameIn(run);
    expect(run.output).toMatch(new RegExp(`^Image: sandbox/${name}:\\w+$`, "m"));
    const [process] = JSON.parse(await suite.api.text(name, "/process")) as { logs: string }[];
    expect(process?.logs).toBe("note of the context\n");
  },
  SCRIPT_MAX_MS,
);

test(
  "F086 a build that fails ends the documented script, and the address it then names has the log",
  async () => {
    const run = await deploy({ Dockerfile: dockerfile("RUN echo so close && false"), "entrypoint.sh": ENTRYPOINT });
    expect(run.output).toContain("Deployment failed");
    expect(run.exitCode).toBe(1);
    const [, address = ""] = /curl -X GET '([^']+)'/.exec(run.output) ?? [];
    const headers = { Authorization: `Bearer ${suite.api.key}`, "X-Blaxel-Workspace": "default" };
    const log = await fetch(address, { headers });
    expect(log.status).toBe(200);
    expect(await log.text()).toContain("so close");
  },
  SCRIPT_MAX_MS,
);
