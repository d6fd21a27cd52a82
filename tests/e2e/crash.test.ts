import { afterEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { appServer } from "../support/app-server.ts";
import { eventually, untilDead } from "../support/eventually.ts";
import { useDormouse } from "../support/suite.ts";

const suite = useDormouse({ DORMOUSE_IDLE_MS: "500" });

afterEach(async () => {
  await eventually(() => suite.api.removeAll());
  expect(suite.sandboxFolders()).toEqual([]);
});

interface Victim {
  readonly what: string;
  /** Ends the processes and brings whatever does not come back by itself. */
  readonly kill: () => Promise<void>;
}

const killed = (...pids: number[]): void => pids.forEach((pid) => process.kill(pid, "SIGKILL"));

const VICTIMS: readonly Victim[] = [
  { what: "the server", kill: async () => killed(suite.dormouse.pids.server()) },
  { what: "the engine", kill: async () => killed(suite.dormouse.pids.engine()) },
  { what: "both at once", kill: async () => killed(suite.dormouse.pids.engine(), suite.dormouse.pids.server()) },
  { what: "`up` itself", kill: killUp },
];

/** Its children end with it, and a new `up` takes over. */
async function killUp(): Promise<void> {
  const { pids } = suite.dormouse;
  const children = [pids.engine(), pids.server()];
  await suite.dormouse.kill();
  await Promise.all(children.map(untilDead));
  await suite.startAgain();
}

/** A file of a sandbox, read past everything that may be dead. */
function readFromOutside(sandbox: string, path: string): string {
  const folder = suite.sandboxFolders().find((id) => recordOf(id).includes(`"hostname":"${sandbox}"`));
  return readFileSync(join(suite.dormouse.dataDir, "sandboxes", folder ?? "", "upper", path), "utf8");
}

const recordOf = (id: string): string =>
  readFileSync(join(suite.dormouse.dataDir, "sandboxes", id, "spec.json"), "utf8");

describe("kill -9: sandboxes keep running and are served again", () => {
  test.each(VICTIMS.map(({ what, kill }) => [what, kill] as const))(
    "of %s, while one sandbox runs and one sleeps",
    async (what, kill) => {
      await suite.api.create("awake");
      await suite.api.create("asleep");
      await appServer(suite.api, "asleep", 3000);
      await suite.api.process("awake", {
        name: "counter",
        command: "i=0; while true; do i=$((i+1)); echo $i > /root/next; mv /root/next /root/count; sleep 0.01; done",
        keepAlive: true,
        timeout: 0,
      });
      expect(await suite.api.text("asleep", "/port/3000/count")).toBe("1");
      await suite.api.untilState("asleep", "STANDBY");
      const { pid } = JSON.parse(await suite.api.text("awake", "/process/counter")) as { pid: string };
      const countBefore = Number(readFromOutside("awake", "root/count"));

      const killedAtMs = performance.now();
      await kill();
      await eventually(async () => expect(Number(readFromOutside("awake", "root/count"))).toBeGreaterThan(countBefore));
      const answer = await eventually(() => suite.api.run("awake", "cat /root/count"));
      const servedAfterMs = Math.round(performance.now() - killedAtMs);
      expect(await eventually(() => suite.api.text("asleep", "/port/3000/count"))).toBe("2");
      const wokenAfterMs = Math.round(performance.now() - killedAtMs);
      console.log(
        `kill -9 of ${what}: the running sandbox is served after ${servedAfterMs} ms, the sleeping one after ${wokenAfterMs} ms`,
      );

      expect(Number(answer)).toBeGreaterThan(countBefore);
      const counter = JSON.parse(await suite.api.text("awake", "/process/counter")) as { pid: string; status: string };
      expect(counter).toMatchObject({ pid, status: "running" });
      expect((await suite.api.list()).toSorted()).toEqual(["asleep", "awake"]);
      await eventually(() => suite.api.create("new"));
      expect(await suite.api.run("new", "echo works")).toBe("works\n");
      await suite.api.untilState("asleep", "STANDBY");
    },
  );
});

describe("kill -9 in the middle of creates and deletes leaves nothing half-made", () => {
  test.each(VICTIMS.map(({ what, kill }) => [what, kill] as const))("of %s", async (_what, kill) => {
    for (let round = 0; round < 3; round++) {
      const names = Array.from({ length: 6 }, (_, index) => `half-${index}`);
      await suite.api.create("going");
      const creates = names.map((name) => suite.api.create(name, { runtime: { memory: 256 } }).catch(() => undefined));
      const remove = suite.api.remove("going").catch(() => undefined);
      await Bun.sleep(20 + round * 40);
      await kill();
      await Promise.all([...creates, remove]);
      const present = await eventually(() => suite.api.list());
      for (const name of present.filter((name) => name !== "going")) {
        expect((await suite.api.get(name)).status).toBe("DEPLOYED");
        expect(await eventually(() => suite.api.run(name, "hostname"))).toBe(`${name}\n`);
      }
      expect(suite.sandboxFolders()).toHaveLength(present.length);
      for (const name of [...names, "going"]) await createAnew(name);
      await suite.api.removeAll();
      expect(suite.sandboxFolders()).toEqual([]);
    }
  });
});

/** Whatever became of the first create, its name is usable. */
async function createAnew(name: string): Promise<void> {
  const body = { metadata: { name }, spec: { runtime: { memory: 256 } } };
  const { status } = await eventually(() => suite.api.call("POST", "/sandboxes?createIfNotExist=true", { body }));
  expect(status).toBe(200);
}

test("a Dormouse that was stopped leaves its sandboxes as they are, and takes them up when it starts again", async () => {
  await suite.api.create("kept");
  await appServer(suite.api, "kept", 3000);
  await suite.api.text("kept", "/port/3000/count");
  await suite.dormouse.stop();
  await suite.startAgain();
  expect(await suite.api.text("kept", "/port/3000/count")).toBe("2");
});
