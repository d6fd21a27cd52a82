import { expect, test } from "bun:test";
import type { CustomDomainAnswer } from "@dormouse/schema";
import { HUB, pushVersion, startShareBench, STRANGER, TEAM } from "../testkit/images.ts";
import { runClient } from "../testkit/run-client.ts";
import { startServer } from "../testkit/server.ts";

/** Starting Node and the client takes seconds on a busy machine. */
const TIMEOUT_MS = 30_000;
const PREVIEW_URL = /^http:\/\/p[0-9a-z]{20}\.preview\.localhost:\d+$/;

test(
  "the unmodified Blaxel client creates, reads, pages, changes and deletes sandboxes",
  async () => {
    await using server = await startServer();
    const seen = await runClient(server, "sandboxes");
    expect(seen).toMatchObject({
      created: {
        metadata: {
          name: "sdk-1",
          url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/run\/default\/sandboxes\/sdk-1$/),
          labels: { team: "a" },
          externalId: "ext-1",
        },
        status: "DEPLOYED",
      },
      unnamed: expect.stringMatching(/^sandbox-[a-z0-9]{8}$/),
      got: "sdk-1",
      byExternalId: "sdk-1",
      conflict: { code: "SANDBOX_ALREADY_EXISTS" },
      badImage: { code: "INVALID_IMAGE" },
      missing: { code: 404 },
      reused: expect.any(String),
      shared: 1,
      firstPage: [expect.any(String), expect.any(String)],
      allPages: 3,
      listed: 1,
      relabelled: { labels: { team: "b" }, displayName: "One", externalId: "ext-1" },
      withLifecycle: { expirationPolicies: [{ type: "ttl-idle", value: "1h", action: "delete" }] },
      deleted: "DELETING",
      deletedTwice: { code: 404 },
      recreated: "DEPLOYED",
    });
    expect((seen as { withoutTtl: object }).withoutTtl).not.toHaveProperty("ttl");
    expect(server.engine.specs.filter(({ hostname }) => hostname === "shared")).toHaveLength(1);
  },
  TIMEOUT_MS,
);

test(
  "the unmodified Blaxel client manages previews, tokens and sessions",
  async () => {
    await using server = await startServer();
    const seen = await runClient(server, "previews");
    expect(seen).toMatchObject({
      preview: {
        metadata: { name: "web", resourceName: "shown", resourceType: "sandbox", workspace: "default" },
        spec: { port: 3000, public: false, url: expect.stringMatching(PREVIEW_URL) },
      },
      sameUrl: true,
      conflict: { code: 409 },
      forced: 3001,
      open: { public: true },
      token: { value: expect.stringMatching(/^[A-Za-z0-9_-]+$/), expiresAt: expect.any(String), expired: false },
      tokens: [true],
      tokenDeleted: { message: expect.any(String) },
      tokensLeft: 0,
      listed: ["web", "open"],
      deleted: { code: 404 },
      recreatedUrl: true,
      session: { name: expect.stringMatching(/^session-\d+$/), url: expect.stringMatching(PREVIEW_URL) },
      keptSession: true,
      newSession: expect.stringMatching(/^session-\d+$/),
      sessionsLeft: 0,
    });
    const { session, sessions, gotSession } = seen as Record<"session" | "gotSession", object> & { sessions: object[] };
    expect(sessions).toEqual([session]);
    expect(session).toMatchObject(gotSession);
  },
  TIMEOUT_MS,
);

test(
  "F170 F171 F172 the unmodified Blaxel client claims and verifies a domain, shows a preview there and sets the fallback",
  async () => {
    await using server = await startServer();
    // Its owner publishes the record as soon as there is one.
    server.dns.beforeAnswer = async () => {
      const { body } = await server.call("GET", "/customdomains/shop.example");
      const { spec } = body as CustomDomainAnswer;
      for (const [name, value] of Object.entries(spec.txtRecords)) server.dns.txt.set(name, [value]);
    };
    expect(await runClient(server, "custom-domains")).toMatchObject({
      created: {
        metadata: { name: "shop.example", displayName: "Shop", workspace: "default", createdAt: expect.any(String) },
        spec: { status: "pending", domainType: "previews" },
      },
      conflict: { code: 409 },
      tooEarly: { code: 400 },
      verified: { status: "verified", lastVerifiedAt: expect.any(String) },
      preview: { customDomain: "shop.example", url: expect.stringMatching(/^http:\/\/www\.shop\.example:\d+$/) },
      fallback: { status: "verified", fallbackPreviewId: expect.stringMatching(/^p[0-9a-z]{20}$/) },
      got: { name: "shop.example" },
      listed: ["shop.example"],
      shares: [{ status: "active", workspace: "account", workspaceDisplayName: "" }],
      sharesLeft: [],
      deleted: "shop.example",
      missing: { code: 404 },
    });
  },
  TIMEOUT_MS,
);

test(
  "F026 F088 F095 F100 F103 the unmodified Blaxel client lists, uses, shares and deletes images, and accepts those of others",
  async () => {
    await using bench = await startShareBench({ hub: HUB });
    const { server } = bench;
    const versions = [await pushVersion(server, "tools"), await pushVersion(server, "tools")];
    const tags = versions.map(({ tag }) => ({ name: tag, size: 1000 }));
    const run = (role: string, workspace: string, key = server.apiKey) =>
      runClient(server, "images", { BL_WORKSPACE: workspace, BL_API_KEY: key, ROLE: role });
    const shown = { metadata: { name: "tools", workspace: "default", status: "BUILT" }, spec: { size: 2000, tags } };
    expect(await run("own", "default")).toMatchObject({
      listed: ["tools"],
      got: { status: 200, data: shown },
      created: [versions[0]?.reference, "tools", "blaxel/nextjs:latest"],
      refused: { code: "INVALID_IMAGE", details: { requested_image: "sandbox/nowhere" } },
      shared: { status: 200, data: shown },
      offered: { status: 202, data: { imageName: "tools", targetWorkspace: STRANGER } },
      shares: [
        { status: "pending", workspace: STRANGER },
        { status: "active", workspace: TEAM },
      ],
      outgoing: [{ imageName: "tools", targetWorkspace: STRANGER }],
      inUse: { code: 400 },
      hub: [
        { name: "nextjs", image: "blaxel/nextjs:latest", ports: [{ target: 3000 }], coming_soon: false },
        { name: "rust", coming_soon: true },
      ],
    });
    expect(await run("borrow", TEAM)).toMatchObject({
      got: { workspace: TEAM, sourceWorkspace: "default" },
      image: "sandbox/tools:latest",
      onward: { code: 403 },
    });
    expect(await run("answer", STRANGER, bench.strangerKey)).toMatchObject({
      pending: { imageName: "tools", sourceWorkspace: "default", hasConflict: false },
      accepted: { status: 200, data: { metadata: { sourceWorkspace: "default" } } },
      listed: [{ name: "tools", workspace: STRANGER }],
      unknown: { code: 404 },
    });
    expect(await run("withdraw", "default")).toMatchObject({
      tagDeleted: 1,
      cleaned: { status: 200, data: { deleted: 1 } },
      gone: { code: 404 },
    });
    expect(server.engine.restartBans.size).toBe(1);
  },
  TIMEOUT_MS,
);
