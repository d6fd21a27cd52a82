import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeviceLoginAnswer, ServiceAccountAnswer } from "@dormouse/schema";
import { finishLogin } from "../support/device-login.ts";
import { useDormouse } from "../support/suite.ts";
import { runProgram } from "./run-program.ts";

/* The unmodified @blaxel/core with every kind of credential it knows: it creates a sandbox and runs a command in it. */
const suite = useDormouse();

/** What points at this server, without a credential. */
function addresses(): Record<string, string> {
  const { BL_API_KEY: _, ...rest } = suite.dormouse.env;
  return rest;
}

test("F264 F265 the client credentials of a service account pass at the API and at the gateway", async () => {
  const { body } = await suite.api.call<ServiceAccountAnswer>("POST", "/service_accounts", { body: { name: "robot" } });
  const { client_id, client_secret } = body;
  const env = { ...addresses(), BL_CLIENT_CREDENTIALS: btoa(`${client_id}:${client_secret}`) };
  expect(await runProgram("settings", { env })).toEqual({ logs: "reached\n" });
  await suite.api.call("DELETE", `/service_accounts/${client_id}`);
  await expect(runProgram("settings", { env })).rejects.toThrow("invalid_client");
});

test("F029 F264 a login of the command line, confirmed in a browser, serves the client from its configuration file", async () => {
  const login = (await suite.api.call<DeviceLoginAnswer>("POST", "/login/device", { body: { client_id: "blaxel" } }))
    .body;
  const page = await fetch(login.verification_uri_complete);
  expect(await page.text()).toContain(login.user_code);
  const tokens = await finishLogin(suite.api, login, { api_key: suite.api.key });
  const home = mkdtempSync(join(tmpdir(), "dormouse-login-"));
  try {
    mkdirSync(join(home, ".blaxel"));
    const credentials = { ...tokens, device_code: login.device_code };
    const workspace = suite.dormouse.env["BL_WORKSPACE"];
    const config = { context: { workspace }, workspaces: [{ name: workspace, credentials }] };
    await Bun.write(join(home, ".blaxel/config.yaml"), Bun.YAML.stringify(config));
    expect(await runProgram("settings", { env: addresses(), cwd: home })).toEqual({ logs: "reached\n" });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
