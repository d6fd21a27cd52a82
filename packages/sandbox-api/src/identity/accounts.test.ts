import { AppError } from "@dormouse/kernel";
import { expect, test } from "bun:test";
import { resolveIdentity } from "./accounts.ts";
import { requestedUser } from "./requested-user.ts";

const FILES = {
  passwd: [
    "root:x:0:0:root:/root:/bin/sh",
    "app:x:1000:1001:An App:/home/app:/bin/sh\r",
    "bare:x:1002:1002",
    "1000:x:2000:2000::/numeric:",
    "toor:x:0:0::/root:",
    "broken",
    "worse:x:many:1::/:",
    "negative:x:-1:1::/:",
    "",
  ].join("\n"),
  group: ["root:x:0:", "app:x:1001:", "wheel:x:10:other,app", "docker:x:999:app", "docker2:x:999:app", "7:x:70:"].join(
    "\n",
  ),
};
const resolve = (spec: string) => resolveIdentity(spec, FILES);
const APP = { uid: 1000, name: "app", homeDirectory: "/home/app" };

test("a name brings its group, its home and the groups it is a member of", () => {
  expect(resolve("app")).toEqual({ ...APP, gid: 1001, groups: [10, 999] });
  expect(resolve("bare")).toEqual({ uid: 1002, gid: 1002, groups: [], name: "bare", homeDirectory: "/" });
});

test("a group that is given, by name or number, is the only one", () => {
  for (const [spec, gid] of [
    ["app:wheel", 10],
    ["app:10", 10],
    ["app:0", 0],
    ["app:4242", 4242],
    ["app:7", 70],
  ] as const) {
    expect(resolve(spec)).toEqual({ ...APP, gid, groups: [] });
  }
});

test("a number is a user of that name, else of that id, else an id the image has no name for", () => {
  expect(resolve("1000")).toMatchObject({ uid: 2000, homeDirectory: "/numeric" });
  expect(resolve("1002")).toMatchObject({ name: "bare" });
  expect(resolve("5000")).toEqual({ uid: 5000, gid: 0, groups: [], name: "5000", homeDirectory: "/" });
  expect(resolve("5000:5000")).toMatchObject({ uid: 5000, gid: 5000 });
});

test("root is refused under every name", () => {
  for (const root of ["root", "0", "00", "0:1000", "root:app", "toor"])
    expect(() => resolve(root)).toThrow(": it is root");
});

test("what names nobody is refused", () => {
  for (const nobody of [
    "",
    ":",
    "app:",
    ":app",
    "app:app:app",
    "missing",
    "worse",
    "negative",
    "-1",
    "4294967295",
    "1e3",
    "broken",
  ]) {
    expect(() => resolve(nobody)).toThrow(AppError);
  }
  expect(() => resolve("app:missing")).toThrow('Cannot run as user "app:missing": the image has no such group');
  expect(() => resolveIdentity("app", { passwd: "", group: "" })).toThrow("the image has no such user");
});

test("the command line names the user, else the variable unless that is off, else the image where it is on", () => {
  expect(requestedUser("flag", { BL_SANDBOX_USER: "variable", BL_SANDBOX_USER_ENABLED: "true" })).toBe("flag");
  expect(requestedUser(null, { BL_SANDBOX_USER: "variable", DORMOUSE_IMAGE_USER: "image" })).toBe("variable");
  expect(requestedUser(null, { DORMOUSE_IMAGE_USER: "image" })).toBeNull();
  expect(requestedUser(null, { BL_SANDBOX_USER_ENABLED: "false", BL_SANDBOX_USER: "variable" })).toBeNull();
  const enabled = { BL_SANDBOX_USER_ENABLED: "true", DORMOUSE_IMAGE_USER: "image" };
  expect(requestedUser(null, enabled)).toBe("image");
  expect(requestedUser(null, { ...enabled, BL_SANDBOX_USER: "variable" })).toBe("variable");
  expect(() => requestedUser(null, { BL_SANDBOX_USER_ENABLED: "1" })).toThrow("names a user");
});
