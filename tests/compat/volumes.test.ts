import { beforeAll, expect, test } from "bun:test";
import { useDormouse } from "../support/suite.ts";
import { type Report, runProgram } from "./run-program.ts";

/* VolumeInstance of the unmodified @blaxel/core under Node. */
const suite = useDormouse();
let seen: Report = {};

beforeAll(async () => {
  seen = await runProgram("volumes", { env: suite.dormouse.env });
});

test("F230 create() makes a volume with name, size and labels; without them it has a name and 1024 MB", () => {
  expect(seen).toMatchObject({
    made: {
      metadata: { name: "kept", displayName: "Kept", labels: { team: "a" }, workspace: "default" },
      spec: { size: 64 },
      status: "DEPLOYED",
    },
    unnamed: { name: expect.stringMatching(/^volume-[a-z0-9]{8}$/), size: 1024 },
  });
});

test("F230 createIfNotExists() returns the volume there is; get() of another is 404", () => {
  expect(seen).toMatchObject({ createdTwice: { code: 409 }, reused: 64, missing: { code: 404 } });
});

test("F231 a volume is mounted at creation, and full at its size", () => {
  expect(seen).toMatchObject({
    mounted: [{ name: "kept", mountPath: "/data", readOnly: false }],
    full: "full\n",
    attachedTo: "sandbox:first",
  });
});

test("F231 an attached volume goes to no second sandbox and cannot be deleted", () => {
  expect(seen).toMatchObject({
    deleteAttached: { code: 409 },
    second: { code: "VOLUME_IN_USE", status_code: 409 },
    secondMissing: 404,
  });
});

test("F006 F007 F057 F230 data outlives the sandbox: the next one with the volume reads it", () => {
  expect(seen).toMatchObject({ free: "nobody", readAgain: "written in the first sandbox", readOnly: "refused\n" });
});

test("F232 update() grows a volume and its labels, data kept; it never shrinks", () => {
  expect(seen).toMatchObject({ grown: { size: 256, labels: { team: "b" } }, shrunk: { code: 400 }, roomier: "fits\n" });
});

test("F231 an ephemeral volume comes with the sandbox", () => {
  expect(seen).toMatchObject({ scratch: "1\n" });
});

test("F230 list() pages through the volumes; delete() takes them away", () => {
  expect(seen).toMatchObject({ paged: ["kept", "other"], gone: 404, left: 0 });
});
