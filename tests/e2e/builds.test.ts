import { afterEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import type { ImageAnswer } from "@dormouse/schema";
import { zipOf } from "@dormouse/kernel/testkit";
import { useDormouse } from "../support/suite.ts";
import { packed, putContext, untilStatus, upload, uploadUrl } from "../support/uploads.ts";

/* From a ZIP file to a sandbox that serves, on the real engine. */
const suite = useDormouse();

const BASE = "FROM blaxel/base-image:latest";

afterEach(async () => {
  await suite.api.removeAll();
  const { body } = await suite.api.call<ImageAnswer[]>("GET", "/images");
  for (const { metadata } of body) await suite.api.call("DELETE", `/images/sandbox/${metadata.name}`);
});

test("F071 F082 F083 F084 F085 a ZIP with a Dockerfile becomes a sandbox, and its image further ones", async () => {
  const { api } = suite;
  await upload(api, "built", {
    Dockerfile: `${BASE}\nWORKDIR /app\nCOPY . .\nRUN cat note.txt deep/er.txt > both.txt\nENV COLOUR=green SIZE=1\n`,
    "note.txt": "one\n",
    "deep/er.txt": "two\n",
    "blaxel.toml": `[runtime]\nmemory = 256\n[env]\nSIZE = "2"\n`,
  });
  const { spec } = await untilStatus(api, "built", "DEPLOYED");
  expect(spec.runtime.image).toMatch(/^sandbox\/built:\w+$/);
  expect(spec.runtime.memory).toBe(512);
  expect(await api.run("built", "cat /app/both.txt; echo $COLOUR $SIZE")).toBe("one\ntwo\ngreen 2\n");
  await api.remove("built");
  await api.create("second", { runtime: { image: spec.runtime.image, memory: 512 } });
  expect(await api.run("second", "cat both.txt; echo $SIZE")).toBe("one\ntwo\n2\n");
});
