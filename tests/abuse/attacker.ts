import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "@dormouse/engine";
import type { Api } from "../support/api.ts";

const PROGRAMS_DIR = join(import.meta.dir, "programs");

/** A folder on the host for as long as the test runs. */
export function hostFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync("/var/tmp/dormouse-abuse-");
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Compiles a program of `programs` on the host and puts it into a sandbox; resolves with its path there. */
export async function plant(api: Api, sandbox: string, name: string): Promise<string> {
  using folder = hostFolder();
  const binary = join(folder.path, name);
  await runCommand(["gcc", "-static", "-O1", "-Wall", "-Werror", "-o", binary, join(PROGRAMS_DIR, `${name}.c`)]);
  const form = new FormData();
  form.append("file", new File([await Bun.file(binary).bytes()], name));
  form.append("permissions", "0755");
  await api.text(sandbox, `/filesystem//root/${name}`, { method: "PUT", body: form });
  return `/root/${name}`;
}

/** What a Python program prints that runs in the sandbox as root. */
export async function python(api: Api, sandbox: string, source: string): Promise<string> {
  await api.write(sandbox, "/root/attack.py", source);
  return api.run(sandbox, "python3 /root/attack.py");
}

/** What a shell command in the sandbox prints, whatever it ends with. */
export async function attempt(api: Api, sandbox: string, command: string): Promise<string> {
  const { stdout } = await api.process(sandbox, { command, waitForCompletion: true });
  return stdout?.trim() ?? "";
}

const HELD_FILE = "/root/held";

/** Runs Python in the sandbox that calls `report(…)` once and keeps from then on what it has; resolves with what it reported. */
export async function hold(api: Api, sandbox: string, source: string): Promise<string> {
  const prelude = `
import os, signal
def report(*values):
    with open("${HELD_FILE}.new", "w") as file: file.write(" ".join(map(str, values)))
    os.rename("${HELD_FILE}.new", "${HELD_FILE}")
    signal.pause()
`;
  await api.write(sandbox, "/root/hold.py", prelude + source);
  await api.process(sandbox, { command: "python3 /root/hold.py" });
  const wait = `timeout 60 sh -c 'until [ -e ${HELD_FILE} ]; do sleep 0.05; done'; cat ${HELD_FILE}; rm ${HELD_FILE}`;
  return attempt(api, sandbox, wait);
}
