import { afterAll, beforeAll, expect, test } from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { pushNodeImages, Registry } from "@dormouse/engine/testkit";
import { BlUser } from "../support/bl.ts";
import { INSTALL_DIR } from "../support/dormouse.ts";
import { useDormouse } from "../support/suite.ts";
import { printedAddress } from "./printed-address.ts";

/*
 * The project of the tutorial "code-server in a sandbox" as its user has it, `code-server-project`, but for the line of its
 * Dockerfile whose installer is on a host of its own: here npm has code-server, as in `images/code-server`. Its base image comes
 * from a registry on loopback that stands for Docker Hub; packages from Debian and npm, through the network a build has.
 */
const hub = await Registry.start();
const suite = useDormouse({ DORMOUSE_REGISTRIES: `docker.io=${hub.url}` });
const BUILD_TIMEOUT_MS = 900_000;
const PUSH_TIMEOUT_MS = 300_000;

beforeAll(() => pushNodeImages(hub, suite.dormouse.dataDir), PUSH_TIMEOUT_MS);
afterAll(() => hub[Symbol.asyncDispose]());

test(
  "F074 F079 F280 bl deploy builds the tutorial's project into its template and a sandbox that serves code-server",
  async () => {
    using user = new BlUser(suite.dormouse.env);
    const cwd = join(user.home, "code-server-template");
    cpSync(join(import.meta.dir, "code-server-project"), cwd, { recursive: true });
    cpSync(join(INSTALL_DIR, "images/code-server/entrypoint.sh"), join(cwd, "entrypoint.sh"));
    const stdout = await user.stdout(["deploy", "--wait"], { cwd });
    expect(stdout).toMatch(/● Building[^]*● Complete[^]*✓ Deployment applied successfully/);
    const { spec, status } = await suite.api.get("code-server-template");
    expect(status).toBe("DEPLOYED");
    expect(spec.runtime).toMatchObject({
      memory: 4096,
      ports: [
        { name: "code-server", target: 8081, protocol: "TCP" },
        { name: "debug-sandbox", target: 8082, protocol: "TCP" },
        { name: "nextjs", target: 3000, protocol: "TCP" },
      ],
    });
    await untilServed("code-server-template");
    expect(await suite.api.run("code-server-template", "ls /blaxel/app/package.json; command -v tsc webpack jq")).toBe(
      "/blaxel/app/package.json\n/usr/local/bin/tsc\n/usr/local/bin/webpack\n/usr/bin/jq\n",
    );
  },
  BUILD_TIMEOUT_MS,
);

test("F280 F282 the tutorial's program makes its own sandbox of the template, and the address it prints shows code-server", async () => {
  const address = await printedAddress(suite.dormouse.env);
  await untilServed("my-code-server-sandbox");
  const page = await fetch(address);
  expect(await page.text()).toContain("code-server");
});

const untilServed = (name: string): Promise<string> =>
  suite.api.run(name, "until curl -sf http://127.0.0.1:8081/healthz; do sleep 0.1; done");
