import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { INSTALL_DIR } from "../support/dormouse.ts";
import { useDormouse } from "../support/suite.ts";
import { seenBy } from "./run-program.ts";

/* The generated functions for images of the unmodified @blaxel/core under Node, and what sandboxes are created from. */
const seen = seenBy(useDormouse(), "images");

test("the hub shows every recipe of ours, and which of them this machine has built", () => {
  const { hub, templates } = seen() as { hub: { name: string; coming_soon: boolean }[]; templates: unknown };
  const recipes = readdirSync(join(INSTALL_DIR, "images"), { withFileTypes: true }).filter((file) =>
    file.isDirectory(),
  );
  expect(hub.map(({ name }) => name)).toEqual(recipes.map(({ name }) => name).toSorted());
  expect(hub.filter(({ coming_soon: isMissing }) => !isMissing)).toMatchObject([
    { name: "base-image", image: "blaxel/base-image:latest", memory: 4096, hidden: false, enterprise: false },
  ]);
  expect(templates).toEqual([]);
});

test("F026 public images are used with and without their prefix, and are nobody's own", () => {
  expect(seen()).toMatchObject({
    listed: [],
    missing: { code: 404 },
    images: [
      ["base-image", "runs\n"],
      ["blaxel/base-image:latest", "runs\n"],
    ],
    refused: ["sandbox/base-image", "blaxel/nowhere", "nowhere:v1"].map((image) => ({
      code: "INVALID_IMAGE",
      details: { requested_image: image, supported_images: ["base-image:latest"] },
    })),
  });
});
