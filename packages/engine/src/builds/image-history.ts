import { createHash } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Descriptor, OciConfig, OciLayout, OciManifest } from "../images/oci.ts";

/** An entry of `history` in an OCI image configuration. */
interface HistoryEntry {
  readonly empty_layer?: boolean;
}

/**
 * Has the configuration of a layout's only image tell one entry of history for each layer. It may be silent of it (OCI image
 * specification 1.1), but buildah adds no layer to an image that is. @throws INVALID_IMAGE
 */
export async function completeHistory(layoutDir: string): Promise<void> {
  const layout = new OciLayout(layoutDir);
  const { manifests } = await layout.index();
  const [descriptor] = manifests;
  if (descriptor === undefined || manifests.length > 1) return;
  const manifest = await layout.json(OciManifest, descriptor);
  const config = await layout.json(OciConfig, manifest.config);
  const history = (config["history"] ?? []) as readonly HistoryEntry[];
  if (history.filter((entry) => entry.empty_layer !== true).length === manifest.layers.length) return;
  const told = manifest.layers.map(() => ({ created: "1970-01-01T00:00:00Z", created_by: "unknown" }));
  const newConfig = addBlob(layoutDir, manifest.config, { ...config, history: told });
  const newManifest = addBlob(layoutDir, descriptor, { ...manifest, config: newConfig });
  const draft = join(layoutDir, "index.json.new");
  writeFileSync(draft, JSON.stringify({ schemaVersion: 2, manifests: [newManifest] }), { flag: "wx" });
  renameSync(draft, join(layoutDir, "index.json"));
}

function addBlob(layoutDir: string, { mediaType }: Descriptor, content: object): Descriptor {
  const text = JSON.stringify(content);
  const hex = createHash("sha256").update(text).digest("hex");
  writeFileSync(join(layoutDir, "blobs/sha256", hex), text, { flag: "wx" });
  return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(text) };
}
