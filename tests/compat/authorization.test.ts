import { expect, test } from "bun:test";
import {
  discoverAuthorizationServerMetadata,
  exchangeAuthorization,
  refreshAuthorization,
  startAuthorization,
} from "@modelcontextprotocol/sdk/client/auth.js";
import { openBrowser } from "../support/browser.ts";
import { useDormouse } from "../support/suite.ts";

const suite = useDormouse();

test("F264 a program on the user's machine logs in through the browser: unmodified OAuth client, Chromium, loopback redirect", async () => {
  const { url } = suite.dormouse;
  const redirected = Promise.withResolvers<URL>();
  using program = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const address = new URL(request.url);
      if (address.pathname === "/callback") redirected.resolve(address);
      return new Response("You can close this page");
    },
  });
  const redirectUri = `http://127.0.0.1:${program.port}/callback`;
  const metadata = await discoverAuthorizationServerMetadata(url);
  if (metadata === undefined) throw new Error("the client found no authorization server");
  const clientInformation = { client_id: "a-tool" };
  const { authorizationUrl, codeVerifier } = await startAuthorization(url, {
    metadata,
    clientInformation,
    redirectUrl: redirectUri,
    state: "1",
  });
  await using browser = await openBrowser();
  const page = await browser.newPage();
  await page.goto(authorizationUrl.href);
  await page.getByLabel("API key").fill("dm_wrong");
  await page.getByRole("button", { name: "Log it in" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("API key").fill(suite.api.key);
  await page.getByRole("button", { name: "Log it in" }).click();
  const { searchParams } = await redirected.promise;
  expect(searchParams.get("state")).toBe("1");
  const client = { metadata, clientInformation };
  const authorizationCode = searchParams.get("code") ?? "";
  const tokens = await exchangeAuthorization(url, { ...client, authorizationCode, codeVerifier, redirectUri });
  const headers = { authorization: `Bearer ${tokens.access_token}` };
  expect((await suite.api.call("GET", "/sandboxes", { headers })).status).toBe(200);
  const refreshed = await refreshAuthorization(url, { ...client, refreshToken: tokens.refresh_token ?? "" });
  expect(refreshed.access_token).not.toBe(tokens.access_token);
});
