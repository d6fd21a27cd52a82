import { expect, test } from "bun:test";
import { join } from "node:path";
import type { SandboxActivity } from "@dormouse/schema";
import { appServer } from "../support/app-server.ts";
import { RemoteHost } from "../support/remote-host.ts";
import { useDormouse } from "../support/suite.ts";

/* Clients on another machine whose cable is pulled: no FIN and no RST ever tells that they are gone. */
const IDLE_MS = 300;
const CLIENT_TIMEOUT_MS = 2000;
const suite = useDormouse({
  DORMOUSE_HOST: "0.0.0.0",
  DORMOUSE_IDLE_MS: String(IDLE_MS),
  DORMOUSE_CLIENT_TIMEOUT_MS: String(CLIENT_TIMEOUT_MS),
});
const PROGRAM = join(import.meta.dir, "programs/hold-open.mjs");

const openTo = async (name: string): Promise<SandboxActivity["open"]> =>
  (await suite.api.call<SandboxActivity>("GET", `/sandboxes/${name}/activity`)).body.open;

test.each(["silent stream", "event stream", "WebSocket", "terminal", "MCP session", "upload"])(
  "an open %s holds a sandbox awake, until its client has vanished without a word",
  async (kind) => {
    const { api, dormouse } = suite;
    const name = kind.toLowerCase().replace(" ", "-");
    await api.create(name);
    await appServer(api, name, 3000);
    await using remote = await RemoteHost.connect();
    const { port, pathname } = new URL(api.sandboxUrl(name), dormouse.url);
    const url = `http://${remote.serverAddress}:${port}${pathname}`;
    await using client = remote.spawn(["node", PROGRAM, url, api.key, kind]);
    const output = client.stdout.getReader();
    expect(new TextDecoder().decode((await output.read()).value)).toBe("open\n");
    await Bun.sleep(CLIENT_TIMEOUT_MS + IDLE_MS * 5);
    expect((await api.get(name)).state).toBe("RUNNING");
    expect(Object.values(await openTo(name)).reduce((sum, count) => sum + count, 0)).toBe(1);
    await remote.pullCable();
    await api.untilState(name, "STANDBY");
    expect(await openTo(name)).toEqual({ requests: 0, streams: 0, webSockets: 0, terminals: 0 });
    await api.remove(name);
  },
);
