import { beforeAll, describe, expect, test } from "bun:test";
import { useDormouse } from "../support/suite.ts";
import { type Report, runProgram } from "./run-program.ts";

/* The unmodified @blaxel/core against sandboxes that expire, change, are disabled and are raced for. */
const suite = useDormouse({ DORMOUSE_IDLE_MS: "300" });

/** The report of a program that runs before the tests of its area. */
function seenBy(program: string): () => Report {
  let report: Report = {};
  beforeAll(async () => {
    report = await runProgram(program, { env: suite.dormouse.env });
  });
  return () => report;
}

describe("expiration", () => {
  const seen = seenBy("expiration");

  test("F050 F051 F052 ttl, expires and each policy delete at their second, the first of several wins", () => {
    const lived = seen()["livedSeconds"] as Record<string, number>;
    for (const name of ["ttl", "max-age", "idle", "first"]) {
      expect({ name, seconds: lived[name] }).toEqual({ name, seconds: expect.closeTo(2.5, 0) });
      expect(lived[name]).toBeGreaterThanOrEqual(2);
    }
    expect(lived["expires"]).toBeLessThan(4);
  });

  test("F053 F054 a sandbox in use is not idle, and falling asleep is not expiring", () => {
    expect(seen()["busyAfterUse"]).toBe("DEPLOYED");
    expect(seen()["idleSeconds"]).toBeWithin(1.8, 3);
  });

  test("F012 an expired sandbox stays readable, says why it went and is listed only on demand", () => {
    expect(seen()).toMatchObject({
      terminated: { status: "TERMINATED", why: "Deleted because its ttl of 2s was over" },
      terminatedCall: 404,
      hidden: 0,
      shown: ["busy", "limit-expires", "limit-first", "limit-idle", "limit-max-age", "limit-ttl"],
    });
  });

  test("F022 F008 its name is free at once, and a user's deletion leaves nothing to read", () => {
    expect(seen()).toMatchObject({
      again: { status: "DEPLOYED", expiresIn: null },
      createdOver: "DEPLOYED",
      afterDelete: 404,
    });
  });

  test("F055 F056 updateTtl() and updateLifecycle() change and clear the limits without a restart", () => {
    const { ttlSet, lifecycleSet } = seen() as { ttlSet: number; lifecycleSet: number };
    expect(ttlSet).toBeWithin(1700, 1801);
    expect(lifecycleSet).toBeWithin(3500, 3601);
    expect(seen()).toMatchObject({
      ttlCleared: null,
      ttlEmptied: null,
      lifecycleCleared: null,
      kept: "kept",
      shortened: "TERMINATED",
    });
  });

  test("the stock SDK passes a sandbox's own idle time through, on create and on updateLifecycle()", () => {
    expect(seen()).toMatchObject({ idleTimes: ["never", "2h", "never"] });
  });

  test("F052 limits that are none are refused with a sentence", () => {
    expect(seen()).toMatchObject({ badTtl: { code: "INVALID_ARGUMENT" }, badType: { code: "INVALID_ARGUMENT" } });
    expect((seen()["badType"] as { message: string }).message).toContain('expected "ttl-idle"');
  });

  test("F022 clients that meet at the moment of expiry get the old one or one new one, and that lives", () => {
    expect(seen()).toMatchObject({ met: 2, metAlive: "alive\n" });
  });
});

describe("updates", () => {
  const seen = seenBy("updates");

  test("F034 F032 updateMetadata() changes labels, display name and external id, and restarts nothing", () => {
    expect(seen()).toMatchObject({
      updated: { labels: { team: "b" }, displayName: "Updated", externalId: "external-2" },
      eventsAdded: 0,
      kept: "kept",
      byExternalId: "updates",
      oldExternalId: 404,
      externalIds: 1,
      secret: "hush\n",
      badExternalId: 400,
    });
  });

  test("F013 a disabled sandbox refuses with a sentence; enabled, its processes go on", () => {
    expect(seen()).toMatchObject({
      disabled: "DEACTIVATED",
      whileDisabled: { status: 409 },
      disabledStatus: "DEACTIVATED",
      enabled: "DEPLOYED",
      keptAfterEnable: "kept",
      counter: "running",
      ticksOn: true,
    });
  });

  test("F027 F034 the environment is fixed; other memory starts anew under the same address", () => {
    expect(seen()).toMatchObject({
      otherEnvs: "INVALID_ARGUMENT",
      otherImage: "INVALID_IMAGE",
      untouched: "kept",
      anew: { status: "DEPLOYED", memory: 1024, url: true },
      filesAnew: 404,
      secretAnew: "hush\n",
    });
  });

  test("F022 createIfNotExists() survives a deletion under way, other clients and failures", () => {
    expect(seen()).toMatchObject({
      rebornStatus: "DEPLOYED",
      rebornServed: 5,
      failedTwice: ["INVALID_IMAGE", "INVALID_IMAGE"],
      failedLeft: 404,
    });
  });

  test("F037 F038 kernel options are refused when enabled and accepted when not", () => {
    expect(seen()).toMatchObject({
      extraArgs: { code: "INVALID_ARGUMENT", status_code: 400 },
      tunOff: { tun: "disabled" },
    });
  });
});

test("F051 F054 what expires while Dormouse is stopped is gone at its start, and last uses are remembered", async () => {
  await suite.api.create("over", { runtime: { ttl: "2s" } });
  const lifecycle = { expirationPolicies: [{ type: "ttl-idle", value: "1h" }] };
  const { lastUsedAt } = await suite.api.create("idle", { lifecycle });
  await suite.dormouse.stop();
  await Bun.sleep(2000);
  await suite.startAgain();
  while ((await suite.api.get("over")).status !== "TERMINATED") await Bun.sleep(10);
  const { expiresIn, ...idle } = await suite.api.get("idle");
  expect(idle).toMatchObject({ status: "DEPLOYED", lastUsedAt: lastUsedAt ?? "" });
  expect(expiresIn).toBeWithin(3500, 3599);
  expect(suite.sandboxFolders()).toHaveLength(1);
});
