import { type TestEntry, zipOf } from "@dormouse/kernel/testkit";
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { Place, refusal } from "./testing/place.ts";

test("F233 files and folders are unpacked with their content and permissions, and nothing that gives rights", async () => {
  using place = new Place();
  const large = randomBytes(3_000_000);
  const entries: TestEntry[] = [
    { name: "a/", unixMode: 0o40555 },
    { name: "a/deep/er/file.txt", content: "hello" },
    { name: "a/run.sh", content: "#!/bin/sh\n", unixMode: 0o104755 },
    { name: "stored.bin", content: large, isStored: true, unixMode: 0o100600 },
    { name: "deflated.bin", content: large },
    { name: "größe ½.txt", content: "" },
    { name: "empty/" },
  ];
  expect(await place.unpack(zipOf(entries))).toEqual({ contentBytes: 15 + 2 * large.length });
  expect(readdirSync(place.folder).toSorted()).toEqual(["a", "deflated.bin", "empty", "größe ½.txt", "stored.bin"]);
  expect([place.read("a/deep/er/file.txt"), place.read("größe ½.txt")]).toEqual(["hello", ""]);
  expect(readFileSync(join(place.folder, "stored.bin")).equals(large)).toBe(true);
  expect(readFileSync(join(place.folder, "deflated.bin")).equals(large)).toBe(true);
  expect(["a", "a/deep", "a/run.sh", "stored.bin", "deflated.bin"].map((path) => place.mode(path))).toEqual([
    "555",
    "755",
    "755",
    "600",
    "644",
  ]);
});

test("an archive with sizes of 64 bits is unpacked, and one with a comment at its end", async () => {
  using place = new Place();
  const entries: TestEntry[] = [
    { name: "one", content: "x".repeat(5000), isZip64: true },
    { name: "two", content: "two" },
  ];
  expect(await place.unpack(zipOf(entries, 2))).toEqual({ contentBytes: 5003 });
  expect([place.read("one").length, place.read("two")]).toEqual([5000, "two"]);
  using other = new Place();
  const comment = Buffer.from("PK\u0005\u0006 and more");
  const commented = zipOf(entries);
  commented.writeUInt16LE(comment.length, commented.length - 2);
  expect(await other.unpack(Buffer.concat([commented, comment]))).toEqual({ contentBytes: 5003 });
});

const LINK_TO = Buffer.concat([Buffer.from([0x0d, 0x00, 18, 0x00]), Buffer.alloc(12), Buffer.from("target")]);

test.each<readonly [string, string, readonly TestEntry[]]>([
  ["a symbolic link", "symbolic link", [{ name: "link", content: "/etc/passwd", unixMode: 0o120777 }]],
  ["a hard link", "it is a link", [{ name: "one" }, { name: "two", extra: LINK_TO }]],
  ["a device", "neither a file nor a folder", [{ name: "null", unixMode: 0o020666 }]],
  ["a named pipe", "neither a file nor a folder", [{ name: "pipe", unixMode: 0o010666 }]],
  ["an absolute path", "absolute", [{ name: "/etc/cron.d/x", content: "x" }]],
  ["a path that climbs", '".."', [{ name: "a/../../x", content: "x" }]],
  ["a path that is only dots", '".."', [{ name: "..", content: "x" }]],
  ["a path with a dot", '"."', [{ name: "./a", content: "x" }]],
  ["a path with an empty part", "empty", [{ name: "a//b", content: "x" }]],
  ["an empty name", "empty", [{ name: "", content: "x" }]],
  ["a backslash", "backslash", [{ name: String.raw`..\x`, content: "x" }]],
  ["a zero byte", "control character", [{ name: "a\0b", content: "x" }]],
  ["a name that is not UTF-8", "UTF-8", [{ name: Buffer.from([0xff, 0xfe]), content: "x" }]],
  ["a name that is too long", "too long", [{ name: "x".repeat(256), content: "x" }]],
  [
    "one name twice",
    "twice",
    [
      { name: "a", content: "1" },
      { name: "a", content: "2" },
    ],
  ],
  ["one name as a file and a folder", "twice", [{ name: "a", content: "1" }, { name: "a/" }]],
  [
    "a file below a file",
    "below a file",
    [
      { name: "a/b/c", content: "1" },
      { name: "a", content: "2" },
    ],
  ],
  ["an encrypted entry", "encrypted", [{ name: "a", content: "1", flags: 1 }]],
  ["another compression", "deflate", [{ name: "a", content: "1", method: 12 }]],
  ["a folder with content", "folder with content", [{ name: "a/", content: "1" }]],
  ["less content than it says", "not what the archive says", [{ name: "a", content: "1", claimedBytes: 5 }]],
  [
    "more content than it says",
    "not what the archive says",
    [{ name: "a", content: "x".repeat(1e6), claimedBytes: 5 }],
  ],
  ["a wrong checksum", "not what the archive says", [{ name: "a", content: "1", claimedCrc32: 7 }]],
  ["damaged content", "damaged", [{ name: "a", content: "not deflated", isStored: true, method: 8 }]],
  [
    "entries that share data",
    "overlaps",
    [
      { name: "a", content: "1" },
      { name: "b", content: "1", sharesDataOf: 0 },
    ],
  ],
  ["more content than there is room", "room for 1000", [{ name: "a", content: "x".repeat(1001) }]],
])("F233 an archive with %s is refused", async (_title, sentence, entries) => {
  using place = new Place();
  const refused = await refusal(place.unpack(zipOf([{ name: "first", content: "fine" }, ...entries]), 1000));
  expect(refused.message).toStartWith("Cannot unpack ");
  expect(refused.message).toContain(sentence);
  expect(readdirSync(place.dir).toSorted()).toEqual(["archive", place.folder.slice(place.dir.length + 1)]);
});

test("F233 an archive that is a bomb, has too many entries, or is none is refused before anything is written", async () => {
  using place = new Place();
  const bomb = zipOf([{ name: "zeros", content: Buffer.alloc(32 * 1024 * 1024) }]);
  expect((await refusal(place.unpack(bomb))).message).toContain("more than 250 times");
  const whole = zipOf([{ name: "a", content: "x" }]);
  for (const broken of ["", "hello", whole.subarray(0, -1), whole.subarray(10), Buffer.alloc(100_000)]) {
    expect((await refusal(place.unpack(broken))).message).toContain("Cannot unpack ");
  }
  expect((await refusal(place.unpack(zipOf([], 100_001)))).message).toContain("100001 entries, 100000 are the most");
  expect((await refusal(place.unpack(zipOf([], 3)))).message).toContain("directory of entries is damaged");
  expect(readdirSync(place.folder)).toEqual([]);
});

test("where the last of several entries counts, only that one is unpacked", async () => {
  using place = new Place();
  const entries: TestEntry[] = [
    { name: "app/", unixMode: 0o40700 },
    { name: "app/Dockerfile", content: "first" },
    { name: "app/", unixMode: 0o40755 },
    { name: "app/Dockerfile", content: "last" },
  ];
  expect(await place.unpack(zipOf(entries), 100, true)).toEqual({ contentBytes: 9 });
  expect([place.read("app/Dockerfile"), place.mode("app")]).toEqual(["last", "755"]);
  const mixed = [...entries, { name: "app", content: "a file" }];
  expect((await refusal(place.unpack(zipOf(mixed), 100, true))).message).toContain("twice");
});
