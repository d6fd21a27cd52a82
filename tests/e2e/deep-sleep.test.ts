import { expect, test } from "bun:test";
import { join } from "node:path";
import { instanceDir, instanceName } from "@dormouse/engine";
import { connectEngine } from "@dormouse/engine/client";
import { noSwapReason, useSwap } from "@dormouse/engine/testkit";
import { appServer } from "../support/app-server.ts";
import { useDormouse } from "../support/suite.ts";

const suite = useDormouse({ DORMOUSE_IDLE_MS: "200", DORMOUSE_PAGE_OUT_AFTER_MS: "50" });

async function untilPagedOut(): Promise<void> {
  const engine = connectEngine(join(instanceDir(instanceName(suite.dormouse.dataDir)), "engine.sock"));
  for (const { id } of await engine.list()) while (!(await engine.memory(id)).isPagedOut) await Bun.sleep(10);
}

test.skipIf(noSwapReason() !== undefined)(
  "F004 F005 F006 memory that went to swap is whole when a request wakes the sandbox, again and again",
  async () => {
    const { api } = suite;
    await using swap = await useSwap();
    expect(swap.device.usedBytes).toBe(0);
    await api.create("deep");
    await appServer(api, "deep", 3000);
    for (const expected of ["1", "2", "3", "4"]) {
      expect(await api.text("deep", "/port/3000/count")).toBe(expected);
      await untilPagedOut();
      expect((await api.get("deep")).state).toBe("STANDBY");
    }
    await untilPagedOut();
    expect(await api.run("deep", "echo ok")).toBe("ok\n");
    await untilPagedOut();
    await api.remove("deep");
  },
);
