import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeviceLoginAnswer, ServiceAccountAnswer, TokenAnswer } from "@dormouse/schema";
import { BlUser } from "../support/bl.ts";
import { confirmInBrowser } from "../support/sign-in.ts";
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
  await confirmInBrowser(login.verification_uri_complete, { api_key: suite.api.key });
  const grant = { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: login.device_code };
  const { body: tokens } = await suite.api.call<TokenAnswer>("POST", "/oauth/token", { body: grant });
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

/** All that the client knows: where the server is, and the home folder with what our command line wrote there. */
async function reachedBy({ home }: BlUser): Promise<unknown> {
  const { BL_API_URL = "", BL_DISABLE_H2 = "" } = addresses();
  return runProgram("settings", { env: { BL_API_URL, BL_DISABLE_H2 }, cwd: home });
}

test("F029 the client finds what `bl login` wrote: an API key", async () => {
  using user = new BlUser({ BL_API_URL: suite.dormouse.env["BL_API_URL"] ?? "" });
  await user.stdout(["login", "default"], { env: { BL_API_KEY: suite.api.key } });
  expect(await reachedBy(user)).toEqual({ logs: "reached\n" });
});

test("F029 the client finds what `bl login` wrote: a login confirmed in a browser, which also renews itself", async () => {
  using user = new BlUser({ BL_API_URL: suite.dormouse.env["BL_API_URL"] ?? "" });
  using login = user.spawn(["login"]);
  let shown = "";
  for await (const chunk of login.out) {
    shown += Buffer.from(chunk).toString();
    const address = /http\S+user_code=\S+/.exec(shown)?.[0];
    if (address !== undefined && shown.includes("Waiting for you")) {
      await confirmInBrowser(address, { api_key: suite.api.key });
      break;
    }
  }
  expect(await login.exited).toBe(0);
  expect(await reachedBy(user)).toEqual({ logs: "reached\n" });
  const file = join(user.home, ".blaxel/config.yaml");
  const before = await Bun.file(file).text();
  await Bun.write(file, before.replace(/access_token: .*/, "access_token: expired"));
  const token = (await user.stdout(["token"])).trim();
  expect(token.split(".")).toHaveLength(3);
  expect(await Bun.file(file).text()).toContain(`access_token: ${token}`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await reachedBy(user)).toEqual({ logs: "reached\n" });
});

test("F029 F264 the client finds what `bl login` wrote: client credentials", async () => {
  const { body } = await suite.api.call<ServiceAccountAnswer>("POST", "/service_accounts", { body: { name: "robot" } });
  using user = new BlUser({ BL_API_URL: suite.dormouse.env["BL_API_URL"] ?? "" });
  const env = { BL_CLIENT_CREDENTIALS: `${body.client_id}:${body.client_secret}` };
  expect(await user.stdout(["login", "default"], { env })).toContain("Successfully stored client credentials");
  expect(await reachedBy(user)).toEqual({ logs: "reached\n" });
  expect(await user.stdout(["get", "sandboxes", "-o", "json"])).toStartWith("[");
  await suite.api.call("DELETE", `/service_accounts/${body.client_id}`);
  expect((await user.run(["ps"])).stderr).toContain("the client id or secret is not right");
});
