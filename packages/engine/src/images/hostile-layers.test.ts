import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { readdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { failure, ImageTools, type LayoutLayer, newImageId, tarBytes, type TarEntry } from "../../testkit/index.ts";
import { runCommand } from "../run-command.ts";
import { importOciLayout } from "./import-layout.ts";
import type { LayerLimits } from "./unpack-layer.ts";

/* What a layer can be made to do when somebody tries. Each is refused with a reason or does nothing outside of its own folder. */

let tools: ImageTools;
const images = (...path: string[]): string => join(tools.deps.layout.imagesDir(), ...path);

beforeAll(async () => {
  tools = await ImageTools.open();
});
afterAll(async () => {
  await tools[Symbol.asyncDispose]();
});

/** Nothing half-made is under a name, and nothing is mounted. */
afterEach(async () => {
  expect(readdirSync(images("drafts"))).toEqual([]);
  expect(readdirSync(tools.deps.layout.boxesDir())).toEqual([]);
  expect(await Bun.file("/proc/self/mounts").text()).not.toContain(tools.deps.layout.runDir);
});

async function bring(layers: readonly LayoutLayer[], limits: Partial<LayerLimits> = {}) {
  const layoutDir = await tools.layout({ layers });
  return importOciLayout(tools.deps, { layoutDir, id: newImageId(), limits });
}

const bringEntries = (...entries: TarEntry[]) => bring([{ tarFile: tools.tar(entries) }]);

const filesOf = async (image: { layers: readonly string[] }): Promise<string[]> =>
  (await runCommand(["find", images("layers", image.layers[0] ?? ""), "-mindepth", "1", "-printf", "%P %y %l\n"]))
    .split("\n")
    .slice(0, -1)
    .toSorted();

const HOST_FILE = "/etc/dormouse-hostile-layer";

test.each<[string, TarEntry[]]>([
  ["climbs out", [{ name: `../../../../../../..${HOST_FILE}`, content: "x" }]],
  ["climbs out in its middle", [{ name: `a/../../../../../../../..${HOST_FILE}`, content: "x" }]],
  [
    "goes out through a link of its own",
    [
      { name: "out", type: "link", linkTo: "/etc" },
      { name: `out/${HOST_FILE.slice("/etc/".length)}`, content: "x" },
    ],
  ],
  [
    "goes up through a link of its own",
    [
      { name: "out", type: "link", linkTo: "../../../../../../etc" },
      { name: `out/${HOST_FILE.slice("/etc/".length)}`, content: "x" },
    ],
  ],
  ["has a hard link to a file of the host", [{ name: "passwd", type: "hard link", linkTo: "/etc/passwd" }]],
  ["has a hard link that climbs out", [{ name: "passwd", type: "hard link", linkTo: "../../../../../../etc/passwd" }]],
])("a layer that %s is refused", async (_, entries) => {
  const error = await failure(bringEntries(...entries));
  expect(error).toMatchObject({ code: "INVALID_IMAGE", message: expect.stringContaining("cannot be unpacked") });
  expect(await Bun.file(HOST_FILE).exists()).toBe(false);
});

test("an absolute name is one in the layer", async () => {
  expect(await filesOf(await bringEntries({ name: HOST_FILE, content: "x" }))).toEqual([
    "etc d ",
    `${HOST_FILE.slice(1)} f `,
  ]);
  expect(await Bun.file(HOST_FILE).exists()).toBe(false);
});

test("links may point anywhere: they are followed in the sandbox alone", async () => {
  const image = await bringEntries(
    { name: "lib64", type: "link", linkTo: "/lib/x86_64-linux-gnu/../../lib64" },
    { name: "bin/bash", type: "link", linkTo: "/../../../../../../bin/bash" },
  );
  expect(image).toMatchObject({ hasGlibc: false, hasBash: false });
});

test("devices are left out, all else of the layer is there", async () => {
  const image = await bringEntries(
    { name: "dev/sda", type: "block device", device: [8, 0] },
    { name: "dev/mem", type: "character device", device: [1, 1] },
    { name: "file", content: "x" },
  );
  expect(await filesOf(image)).toEqual(["dev d ", "file f "]);
});

test("names of deleted files lead nowhere else", async () => {
  const image = await bringEntries(
    { name: "a/.wh..", content: "" },
    { name: "a/.wh...", content: "" },
    { name: "a/.wh.", content: "" },
    { name: "a/.wh..wh.plnk/1.2", content: "" },
    { name: "a/.wh.$(touch x) 'y'", content: "" },
    { name: "b", type: "link", linkTo: "/etc" },
    { name: "c/.wh.kept" },
    { name: "c/kept", content: "kept" },
    { name: "d/.wh.folder/x", content: "x" },
  );
  expect(await filesOf(image)).toEqual([
    "a d ",
    "a/$(touch x) 'y' c ",
    "b l /etc",
    "c d ",
    "c/kept f ",
    "d d ",
    "d/folder c ",
  ]);
});

const MIB = 1024 ** 2;

test("10 GB of zeros are refused after the first quarter of a gigabyte", async () => {
  for (const compress of ["gzip -9", "zstd -1"]) {
    const tarFile = tools.file();
    const piece = `${tarFile}.piece`;
    await runCommand(["sh", "-c", `head -c 100M /dev/zero | ${compress} > ${piece}`]);
    await runCommand(["sh", "-c", `for n in $(seq 100); do cat ${piece}; done > ${tarFile}`]);
    const error = await failure(bring([{ tarFile, diffId: `sha256:${"0".repeat(64)}` }]));
    expect(error).toMatchObject({ code: "TOO_LARGE", message: expect.stringContaining("250 times as large") });
  }
}, 120_000);

test("limits on the size, the entries and the time of a layer hold", async () => {
  const large = () => [{ tarFile: tools.tar([{ name: "x", content: Buffer.alloc(2 * MIB, "x") }]) }];
  expect(await failure(bring(large(), { layerMaxBytes: MIB }))).toMatchObject({ code: "TOO_LARGE" });
  const many = Array.from({ length: 5000 }, (_, index) => ({ name: `file-${index}` }));
  const tooMany = await failure(bring([{ tarFile: tools.tar(many) }], { entryMaxCount: 1000 }));
  expect(tooMany).toMatchObject({ code: "TOO_LARGE", message: expect.stringContaining("1000 entries") });
  expect(await failure(bring(large(), { timeoutMs: 1 }))).toMatchObject({ code: "TOO_LARGE" });
});

test("a file that says it is larger than a layer may be is refused", async () => {
  const dir = tools.folder();
  const sparse = tools.file();
  await runCommand(["truncate", "--size=4T", join(dir, "huge")]);
  await runCommand(["tar", "--sparse", "--format=pax", "-C", dir, "-cf", sparse, "huge"]);
  expect(await failure(bring([{ tarFile: sparse }]))).toMatchObject({ code: "INVALID_IMAGE" });
});

test("content that is not what its digests say is not used, though a layer of that name is there", async () => {
  const entries = [{ name: "secret", content: "of somebody else" }];
  const known = await bringEntries(...entries);
  const diffId = (known.layers[0] ?? "").replace("-", ":");
  const claimed = tools.tar([{ name: "other", content: "x" }]);
  const error = await failure(bring([{ tarFile: claimed, diffId }]));
  expect(error).toMatchObject({ code: "INVALID_IMAGE", message: expect.stringContaining("is another one") });

  const layoutDir = await tools.layout({ layers: [{ tarFile: tools.tar(entries), compression: "gzip" }] });
  const blobs = readdirSync(join(layoutDir, "blobs/sha256")).map((name) => join(layoutDir, "blobs/sha256", name));
  const layer = blobs.find((file) => readFileSync(file)[0] === 0x1f) ?? "";
  for (const [damage, reason] of [
    [(file: string) => truncateSync(file, 100), "cannot be decompressed"],
    [(file: string) => writeFileSync(file, tarBytes(entries)), "is another one"],
    [(file: string) => Bun.spawnSync(["ln", "-sf", "/etc/passwd", file]), "is missing"],
  ] as const) {
    damage(layer);
    const refused = await failure(importOciLayout(tools.deps, { layoutDir, id: newImageId() }));
    expect(refused).toMatchObject({ code: "INVALID_IMAGE", message: expect.stringContaining(reason) });
  }
});

test("a layout that is none, or leads elsewhere, is refused", async () => {
  const empty = tools.folder();
  const id = newImageId();
  expect((await failure(importOciLayout(tools.deps, { layoutDir: empty, id }))).code).toBe("INVALID_IMAGE");
  symlinkSync("/etc/passwd", join(empty, "index.json"));
  expect((await failure(importOciLayout(tools.deps, { layoutDir: empty, id }))).code).toBe("INVALID_IMAGE");
  const elsewhere = tools.folder();
  const whole = await tools.layout({ layers: [{ tarFile: tools.tar([{ name: "x" }]) }] });
  await runCommand(["cp", join(whole, "index.json"), elsewhere]);
  symlinkSync(join(whole, "blobs"), join(elsewhere, "blobs"));
  expect((await failure(importOciLayout(tools.deps, { layoutDir: elsewhere, id }))).code).toBe("INVALID_IMAGE");
});

test("a layer that does not fit on the disk of its store is refused and takes no room", async () => {
  const dir = tools.folder();
  await runCommand(["mount", "-t", "tmpfs", "-o", "size=1100m", "tmpfs", dir]);
  try {
    await using small = await ImageTools.open(dir);
    const tarFile = tools.file();
    await runCommand([
      "sh",
      "-c",
      `mkdir ${dir}/big && head -c 120M /dev/urandom > ${dir}/big/x && tar -cf ${tarFile} -C ${dir} big && rm -r ${dir}/big`,
    ]);
    const layoutDir = await tools.layout({ layers: [{ tarFile }] });
    const error = await failure(importOciLayout(small.deps, { layoutDir, id: newImageId() }));
    expect(error.code).toBe("HOST_FULL");
    expect(readdirSync(join(dir, "images/drafts"))).toEqual([]);
  } finally {
    await runCommand(["umount", dir]);
  }
});
