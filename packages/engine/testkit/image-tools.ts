import { closeSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomId } from "@dormouse/kernel";
import { EngineImageId } from "@dormouse/schema";
import { Claims } from "../src/claims.ts";
import { HostIdPool } from "../src/ids/host-ids.ts";
import { IdRanges } from "../src/ids/id-ranges.ts";
import type { ImageDeps } from "../src/images/import-layout.ts";
import type { RegistryDeps } from "../src/images/skopeo.ts";
import { ImageStore } from "../src/images/store.ts";
import { Layout } from "../src/layout.ts";
import { SlotPool } from "../src/network/slots.ts";
import { openMappedUserNamespace } from "../src/user-namespace.ts";
import { type LayoutImage, writeLayout } from "./oci-layout.ts";
import { tarBytes, type TarEntry } from "@dormouse/kernel/testkit";

/** What an engine works on images with, in the process of a test and on a folder of its own, or on the store of an engine. */
export class ImageTools implements AsyncDisposable {
  readonly #dir: string;
  readonly #slots: SlotPool;
  readonly deps: ImageDeps & RegistryDeps & { readonly layout: Layout };

  static async open(dataDir?: string, mirrors: Readonly<Record<string, string>> = {}): Promise<ImageTools> {
    const dir = mkdtempSync(join(tmpdir(), "dormouse-images-"));
    const layout = new Layout(dataDir ?? dir, join(dir, "run"));
    mkdirSync(layout.runDir);
    mkdirSync("/run/netns", { recursive: true });
    writeFileSync(layout.resolvConf(), "nameserver 127.0.0.1\n");
    const ids = new HostIdPool(new IdRanges(new Claims(join(dir, "ids")), dir));
    const slots = new SlotPool({ instance: randomId(6), subnet: 200, readyCount: 0, takenAddresses: [], ids });
    const userNamespaceFd = await openMappedUserNamespace();
    const images = new ImageStore(layout.imagesDir());
    return new ImageTools(dir, slots, { layout, userNamespaceFd, images, slots, mirrors });
  }

  private constructor(dir: string, slots: SlotPool, deps: ImageTools["deps"]) {
    this.#dir = dir;
    this.#slots = slots;
    this.deps = deps;
  }

  /** A new name below a folder that goes with this. */
  file(): string {
    return join(this.#dir, randomId());
  }

  /** A new folder that goes with this. */
  folder(): string {
    const dir = this.file();
    mkdirSync(dir);
    return dir;
  }

  /** A tar file of these entries. */
  tar(entries: readonly TarEntry[]): string {
    const file = this.file();
    writeFileSync(file, tarBytes(entries));
    return file;
  }

  /** A layout as somebody else writes it. */
  async layout(image: LayoutImage): Promise<string> {
    const dir = this.folder();
    await writeLayout(dir, image);
    return dir;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#slots.close();
    closeSync(this.deps.userNamespaceFd);
    rmSync(this.#dir, { recursive: true, force: true });
  }
}

export const newImageId = (): EngineImageId => EngineImageId.parse(randomId());
