import { expect, test } from "bun:test";
import { sendRaw, startTestAgent } from "../testing/agent.ts";

test("the page is one document: no other file, no foreign address, and only its own script may run", async () => {
  await using agent = startTestAgent();
  const response = await agent.request("/terminal?token=secret&sessionId=x", {
    headers: { "Accept-Encoding": "identity" },
  });
  const html = await response.text();
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(response.headers.get("referrer-policy")).toBe("no-referrer");
  expect(html).toStartWith("<!doctype html>");
  expect(html).not.toContain("secret");
  const scripts = [...html.matchAll(/<script>(.*?)<\/script>/gs)].map(([, script]) => script ?? "");
  expect(scripts).toHaveLength(1);
  const hash = new Bun.CryptoHasher("sha256").update(scripts[0] ?? "").digest("base64");
  const policy = response.headers.get("content-security-policy");
  expect(policy).toContain(`default-src 'none'; script-src 'sha256-${hash}';`);
  expect(html.replaceAll(/<script>.*?<\/script>|<style>.*?<\/style>/gs, "")).not.toMatch(/src=|https?:/);
});

test("it is sent compressed to who understands that", async () => {
  await using agent = startTestAgent();
  const lines = ["GET /terminal HTTP/1.1", "Host: agent", "Accept-Encoding: br, gzip", "Connection: close"];
  const answer = await sendRaw(agent.api.port, `${lines.join("\r\n")}\r\n\r\n`);
  expect(answer).toMatch(/^content-encoding: gzip\r$/im);
  expect(Number(/^content-length: (\d+)\r$/im.exec(answer)?.[1])).toBeLessThan(200_000);
  const page = await agent.request("/terminal", { headers: { "Accept-Encoding": "gzip" } });
  expect(await page.text()).toContain("<title>Terminal</title>");
});
