import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { EngineSandbox } from "@dormouse/schema";
import { newSpec, runInside, useEngine } from "../../testkit/index.ts";
import { runCommand } from "../run-command.ts";

const suite = useEngine();

interface Neighbour {
  readonly dst: string;
  readonly dev: string;
  readonly state: readonly string[];
}

async function neighbours(address: string, inNamespace: readonly string[] = []): Promise<Neighbour[]> {
  const all = JSON.parse(await runCommand([...inNamespace, "ip", "-json", "neigh", "show"])) as Neighbour[];
  return all.filter(({ dst }) => dst === address);
}

/** Of some process in it; the engine's names of namespaces are in its own mount namespace. */
const pidOf = ({ freezeFile }: EngineSandbox): string | undefined =>
  readFileSync(join(dirname(freezeFile), "cgroup.procs"), "utf8").split("\n")[0];

/* The kernel's table of neighbours is one for all namespaces and holds 1024 that it has to ask for: 512 sandboxes. */
test("sandbox and host know each other's link address for good, and a link that is used again knows only the new one", async () => {
  const first = await suite.port.create(newSpec());
  const [outside] = await neighbours(first.address);
  expect(outside?.state).toEqual(["PERMANENT"]);
  const { stdout } = await runInside(first, "cut -f 1,3 /proc/net/route");
  const [, gatewayHex = ""] = /^eth0\t([0-9A-F]{8})$/m.exec(stdout) ?? [];
  const gateway = Buffer.from(gatewayHex, "hex").toReversed().join(".");
  const [inside] = await neighbours(gateway, ["nsenter", `--net=/proc/${pidOf(first)}/ns/net`]);
  expect(inside).toMatchObject({ dev: "eth0", state: ["PERMANENT"] });

  await suite.port.remove(first.id);
  const later = [];
  for (let count = 0; count < 8; count++) later.push(await suite.port.create(newSpec()));
  for (const { address } of later) {
    expect((await neighbours(address))[0]?.state).toEqual(["PERMANENT"]);
    expect((await fetch(`http://${address}:8080/health`)).status).toBe(200);
  }
  expect(await neighbours(first.address)).toEqual([]);
  for (const { id } of later) await suite.port.remove(id);
});
