import { join } from "node:path";
import { exportOciLayout, importOciLayout, sizeOf } from "@dormouse/engine";
import { ImageTools, layersOf, newImageId, tarBytes, writeLayout } from "@dormouse/engine/testkit";
import type { BenchContext } from "./context.ts";
import type { Figure } from "./figure.ts";
import { round } from "./stats.ts";

const IMAGE_COUNT = 10;
const QUICK_IMAGE_COUNT = 2;
const OWN_BYTES = 8 * 1024 ** 2;

/** What sharing saves: images of users' own, each with some files on top of the base image, as a build from a Dockerfile makes them. */
export async function benchImages({ dormouse: { dataDir }, isQuick }: BenchContext): Promise<Figure[]> {
  await using tools = await ImageTools.open(dataDir);
  const { deps } = tools;
  const base = deps.images.resolve("base-image");
  const layoutDir = tools.folder();
  await exportOciLayout(deps, { image: base, layoutDir });
  const lower = await layersOf(layoutDir);
  const imageCount = isQuick ? QUICK_IMAGE_COUNT : IMAGE_COUNT;
  const sizes = [base.sizeBytes];
  for (let count = 0; count < imageCount; count += 1) {
    const content = Buffer.from(crypto.getRandomValues(new Uint8Array(65_536))).toString("base64");
    const files = tarBytes([{ name: "app/own", content: content.repeat(Math.ceil(OWN_BYTES / content.length)) }]);
    const tarFile = tools.file();
    await Bun.write(tarFile, files);
    await writeLayout(layoutDir, { layers: [{ tarFile }], lower });
    sizes.push((await importOciLayout(deps, { layoutDir, id: newImageId() })).sizeBytes);
  }
  const apartBytes = sizes.reduce((sum, size) => sum + size, 0);
  const storedBytes = await sizeOf([join(dataDir, "images/layers")]);
  const mib = (bytes: number): string => `${round(bytes / 1024 ** 2)} MiB`;
  return [
    {
      key: "image_store_dedup_ratio",
      value: round(apartBytes / storedBytes),
      title: `${imageCount} images on the base image`,
      text: `${round(apartBytes / storedBytes)}× their size on the disk`,
      beside: `${mib(apartBytes)} by themselves, ${mib(storedBytes)} of layers`,
    },
  ];
}
