import { expect, test } from "bun:test";
import { useDormouse } from "../support/suite.ts";
import { seenBy } from "./run-program.ts";

/* The generated functions for volume templates of the unmodified @blaxel/core under Node. */
const seen = seenBy(useDormouse(), "volume-templates");

test("F233 a template is created with an address that takes a ZIP file without a credential", () => {
  expect(seen()).toMatchObject({
    created: {
      metadata: { name: "tools", workspace: "default" },
      spec: { defaultSize: 32, description: "Tools" },
      state: { status: "created", versionCount: 1 },
      versions: [{ name: "1", templateName: "tools", status: "CREATED" }],
    },
    uploaded: { status: 200, body: { name: "1", status: "READY", contentSize: 33 } },
    createdTwice: { code: 409 },
    listed: ["tools"],
  });
});

test("F233 each upload is a version of its own, numbered or named; one is a TAR file, as of the stock command line", () => {
  expect(seen()).toMatchObject({
    ready: {
      state: { status: "ready", latestVersion: "v2", versionCount: 2 },
      versions: [
        { name: "1", status: "READY" },
        { name: "v2", status: "READY" },
      ],
    },
  });
});

test("F233 a volume begins with its version's files, which are root's and may be changed", () => {
  const files = "root:root 755 ./bin/hello\n";
  expect(seen()).toMatchObject({
    one: {
      template: "tools:1",
      says: "first\n",
      files: `${files}root:root 600 ./notes.txt\nbin\nnotes.txt\n`,
      writes: "mine\n",
    },
    two: { template: "tools:v2", says: "second\n", files: `${files}bin\n`, writes: "mine\n" },
    newest: { template: "tools:v2", says: "second\n" },
    tooSmall: { code: 400 },
    unknown: { code: 400 },
  });
});

test("F233 writing to a volume does not change its template, deleting the template not the volume", () => {
  expect(seen()).toMatchObject({
    again: "first\n",
    versionDeleted: { latestVersion: "1", versionCount: 1 },
    onlyVersion: { code: 400 },
    gone: { code: 404 },
    afterwards: "first\nof version 1",
  });
});
