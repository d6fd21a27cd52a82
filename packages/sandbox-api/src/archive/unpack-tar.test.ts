import { tarBytes, type TarEntry } from "@dormouse/kernel/testkit";
import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { Place, refusal } from "./testing/place.ts";

const PACKED = [
  ["as it is", (tar: Buffer): Uint8Array => tar],
  ["with gzip", (tar: Buffer): Uint8Array => gzipSync(tar)],
] as const;

test.each(PACKED)(
  "F233 a TAR file %s has its files, folders and inner links, with permissions and no rights",
  async (_title, pack) => {
    using place = new Place();
    const large = randomBytes(3_000_000);
    const name = `${"long/".repeat(30)}name.txt`;
    const entries: TarEntry[] = [
      { name: "./" },
      { name: "./a/", mode: 0o555 },
      { name: "./a/deep/er/file.txt", content: "hello" },
      { name: "a/run.sh", content: "#!/bin/sh\n", mode: 0o4755 },
      { name: "short", content: "long", records: { path: name } },
      { name: "large.bin", content: large, mode: 0o600, userId: 5 },
      { name: "a/link", type: "link", linkTo: "deep/../run.sh" },
      { name: "größe ½.txt", content: "" },
    ];
    expect(await place.unpack(pack(tarBytes(entries)))).toEqual({ contentBytes: 19 + large.length });
    expect(readdirSync(place.folder).toSorted()).toEqual(["a", "größe ½.txt", "large.bin", "long"]);
    expect([place.read("a/deep/er/file.txt"), place.read(name), place.read("a/link")]).toEqual([
      "hello",
      "long",
      "#!/bin/sh\n",
    ]);
    expect(readFileSync(join(place.folder, "large.bin")).equals(large)).toBe(true);
    expect(readlinkSync(join(place.folder, "a/link"))).toBe("deep/../run.sh");
    expect(["a", "a/deep", "a/run.sh", "large.bin"].map((path) => place.mode(path))).toEqual([
      "555",
      "755",
      "755",
      "600",
    ]);
  },
);

/** As long as each format has room for, or beyond what its headers have. */
const FILE_NAME_LENGTHS = { gnu: 200, oldgnu: 200, pax: 200, ustar: 90, v7: 60 } as const;

test.each(["gnu", "oldgnu", "pax", "ustar", "v7"] as const)("what GNU tar packs as %s is unpacked", async (format) => {
  using place = new Place();
  const [folder, file] = ["d".repeat(30), "f".repeat(FILE_NAME_LENGTHS[format])];
  const pack = `mkdir ${folder}; echo content > ${folder}/${file}; ln -s ${folder} link; tar --format=${format} -cz .`;
  const cwd = mkdtempSync(join(place.dir, "from-"));
  const tar = await new Response(Bun.spawn(["sh", "-euc", pack], { cwd }).stdout).bytes();
  expect(await place.unpack(tar)).toEqual({ contentBytes: 8 });
  expect([place.read(`${folder}/${file}`), place.read(`link/${file}`)]).toEqual(["content\n", "content\n"]);
});

test.each<readonly [string, string, readonly TarEntry[]]>([
  ["a path that climbs", '".."', [{ name: "a/../../x", content: "x" }]],
  ["a path that climbs by its attributes", '".."', [{ name: "a", content: "x", records: { path: "../x" } }]],
  ["an absolute path", "absolute", [{ name: "/etc/cron.d/x", content: "x" }]],
  ["a path that is absolute behind dots", '".."', [{ name: ".//../x", content: "x" }]],
  ["a zero byte", "control character", [{ name: "a", content: "x", records: { path: "a\0b" } }]],
  ["a name that is not UTF-8", "UTF-8", [{ name: "a", content: "x", records: { path: Buffer.from([0xff]) } }]],
  ["a link out of it", "leads out", [{ name: "a/link", type: "link", linkTo: "../../etc/passwd" }]],
  ["an absolute link", "leads out", [{ name: "link", type: "link", linkTo: "/etc/passwd" }]],
  ["a link out of it by its attributes", "leads out", [{ name: "b", type: "link", records: { linkpath: "../b" } }]],
  ["a link that is named as a folder", "neither a file nor a folder", [{ name: "b/", type: "link", linkTo: "a" }]],
  [
    "a file below a link",
    "below a file",
    [
      { name: "b", type: "link", linkTo: "." },
      { name: "b/c", content: "x" },
    ],
  ],
  [
    "a file in the place of a link",
    "twice",
    [
      { name: "b", type: "link", linkTo: "first" },
      { name: "b", content: "x" },
    ],
  ],
  ["a hard link", "hard link", [{ name: "b", type: "hard link", linkTo: "first" }]],
  ["a device", "neither a file nor a folder", [{ name: "null", type: "character device", device: [1, 3] }]],
  ["a disk", "neither a file nor a folder", [{ name: "disk", type: "block device", device: [8, 0] }]],
  ["a named pipe", "neither a file nor a folder", [{ name: "pipe", type: "fifo" }]],
  ["a sparse file", "sparse", [{ name: "b", content: "x", records: { "GNU.sparse.major": "1" } }]],
  ["more content than there is room", "room", [{ name: "a", content: "x".repeat(1001) }]],
  ["more content than it has", "room", [{ name: "a", content: "x", records: { size: "9007199254740991" } }]],
  ["a size that is none", "extended header", [{ name: "a", content: "x", records: { size: "-1" } }]],
])("F233 a TAR file with %s is refused before anything is written", async (_title, sentence, entries) => {
  using place = new Place();
  const tar = tarBytes([{ name: "first", content: "fine" }, ...entries]);
  for (const archive of [tar, gzipSync(tar)]) {
    const refused = await refusal(place.unpack(archive, 1000));
    expect(refused.message).toStartWith("Cannot unpack ");
    expect(refused.message).toContain(sentence);
    expect(readdirSync(place.folder)).toEqual([]);
  }
});

test("F233 a TAR file that is a bomb, has too many entries or attributes, or is none is refused", async () => {
  using place = new Place();
  const said = async (archive: Uint8Array): Promise<string> => (await refusal(place.unpack(archive))).message;
  expect(await said(gzipSync(tarBytes([{ name: "zeros", content: Buffer.alloc(32 * 1024 * 1024) }])))).toContain(
    "more than 250 times",
  );
  const many = Array.from({ length: 100_001 }, (_, index) => ({ name: `f${index}` }));
  expect(await said(gzipSync(tarBytes(many)))).toContain("more than 100000 entries");
  const attribute = { name: "a", records: { comment: Buffer.alloc(9_000_000) } };
  expect(await said(gzipSync(tarBytes([attribute, attribute, attribute, attribute])))).toContain("too large");
  const whole = tarBytes([{ name: "a", content: "x" }]);
  expect(await said(whole.subarray(0, 1000))).toContain("cut off");
  expect(await said(whole.subarray(0, 1024))).toContain("cut off");
  expect(await said(gzipSync(whole).subarray(0, -20))).toContain("damaged");
  expect(await said(gzipSync("no tar file at all".repeat(100)))).toContain("no TAR file");
  const damaged = tarBytes([{ name: "a", content: "x" }, { name: "b" }]);
  damaged[1024] = 1;
  expect(await said(damaged)).toContain("no TAR file, or is damaged");
  expect(readdirSync(place.folder)).toEqual([]);
});

test("where the last of several entries counts, in the context of a build, a TAR file is refused", async () => {
  using place = new Place();
  const refused = await refusal(place.unpack(tarBytes([{ name: "Dockerfile", content: "FROM x" }]), 1000, true));
  expect(refused.message).toContain("send a ZIP file");
  expect(readdirSync(place.folder)).toEqual([]);
});
