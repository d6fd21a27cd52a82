import { join } from "node:path";
import { expect, test } from "bun:test";
import type { DeviceLoginAnswer, TokenAnswer, WorkspaceAnswer } from "@dormouse/schema";
import { Api } from "../support/api.ts";
import { INSTALL_DIR } from "../support/dormouse.ts";
import { confirmInBrowser, submitForm } from "../support/sign-in.ts";
import { useDormouse } from "../support/suite.ts";

const EMAIL = "ada@example.com";
const PASSWORD = "correct horse battery";

const suite = useDormouse();

async function account(...args: readonly string[]) {
  const command = [join(INSTALL_DIR, "dormouse"), "account", ...args, "--data", suite.dormouse.dataDir];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exitCode] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { stdout, stderr, exitCode };
}

const add = (name: string, workspace: string) => account("add", name, "--owner", EMAIL, "--workspace", workspace);

/** The owner joins at the address that was printed, and logs in. */
async function joinAt(invitationUrl: string): Promise<Api> {
  const { api, dormouse } = suite;
  const token = new URL(invitationUrl).searchParams.get("token") ?? "";
  await submitForm(invitationUrl, { token, password: PASSWORD });
  const { body: login } = await api.call<DeviceLoginAnswer>("POST", "/login/device", { body: { client_id: "blaxel" } });
  await confirmInBrowser(login.verification_uri_complete, { email: EMAIL, password: PASSWORD });
  const grant = { grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: login.device_code };
  const { body: tokens } = await api.call<TokenAnswer>("POST", "/oauth/token", { body: grant });
  return new Api({ ...dormouse.env, BL_WORKSPACE: "partner", BL_API_KEY: tokens.access_token });
}

test("F260 F263 an account made on the host has sandboxes of its own, which the administrator of the installation cannot reach", async () => {
  const { stdout, stderr, exitCode } = await add("Partner", "partner");
  expect({ stderr, exitCode }).toEqual({ stderr: expect.stringContaining(EMAIL), exitCode: 0 });
  expect((await account("ls")).stdout).toMatch(/^\w+\tPartner\tada@example\.com \(invited\)$/m);
  const partner = await joinAt(stdout.trim());
  expect((await account("ls")).stdout).toMatch(/^\w+\tPartner\tada@example\.com$/m);
  try {
    await Promise.all([partner.create("box"), suite.api.create("box")]);
    await partner.run("box", "echo theirs > /whose");
    await suite.api.run("box", "echo ours > /whose");
    expect(await partner.run("box", "cat /whose")).toBe("theirs\n");
    const [ours, theirs] = [suite.api.sandboxUrl("box"), partner.sandboxUrl("box")];
    for (const [url, key] of [
      [theirs, suite.api.key],
      [ours, partner.key],
    ] as const) {
      const refused = await fetch(`${url}/filesystem/whose`, { headers: { authorization: `Bearer ${key}` } });
      expect(refused.status).toBeOneOf([401, 403]);
    }
    const workspaces = await partner.call<WorkspaceAnswer[]>("GET", "/workspaces");
    expect(workspaces.body).toMatchObject([{ name: "partner" }]);
    const asPartner = { headers: { "x-blaxel-workspace": "partner" } };
    expect(await suite.api.call("GET", "/sandboxes/box", asPartner)).toMatchObject({ status: 403 });
  } finally {
    await partner.removeAll();
  }
});

test("account says in the server's words why it makes none", async () => {
  const { stderr, exitCode } = await add("default", "more");
  expect({ stderr, exitCode }).toMatchObject({
    stderr: expect.stringContaining('dormouse: Cannot create account "default": the name is taken'),
    exitCode: 1,
  });
  expect((await account("add", "More", "--owner", EMAIL)).stderr).toContain("its first workspace has no name");
  expect((await account("ls")).stdout).not.toMatch(/more/i);
});
