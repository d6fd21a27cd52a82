import { AppError } from "@dormouse/kernel";
import {
  deleteImage,
  deletePreview,
  deletePreviewToken,
  deleteSandbox,
  deleteVolume,
  deleteVolumeTemplate,
} from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { PREVIEW_WORDS, TOKEN_WORDS } from "../get/get-sandboxes.ts";
import { parseImageReference } from "../image-reference.ts";
import { type Deletion, runDeletions } from "./run-deletions.ts";

/** `delete sandbox NAME…`, `delete sandbox NAME preview PREVIEW [token TOKEN]` */
export async function deleteSandboxes(context: Context, words: readonly string[]): Promise<number> {
  const [sandbox = "", word = "", ...rest] = words;
  if (PREVIEW_WORDS.includes(word) && rest.length > 0) return deletePreviews(context, sandbox, rest);
  return runDeletions(
    context,
    words.map((name) => ({ kind: "Sandbox", name, run: () => deleteSandbox(context.client, name) })),
  );
}

async function deletePreviews(context: Context, sandbox: string, words: readonly string[]): Promise<number> {
  const { client } = context;
  const [preview = "", word = "", token] = words;
  if (!TOKEN_WORDS.includes(word)) {
    return runDeletions(
      context,
      words.map((name) => ({ kind: "Preview", name, run: () => deletePreview(client, { sandbox, preview: name }) })),
    );
  }
  if (token === undefined) {
    throw new AppError("INVALID_ARGUMENT", "Cannot delete a preview token: none is named", {
      hint: `Run '${context.io.program} get sandbox ${sandbox} preview ${preview} tokens' to see them`,
    });
  }
  const run = () => deletePreviewToken(client, { sandbox, preview }, token);
  return runDeletions(context, [{ kind: "PreviewToken", name: token, run }]);
}

export const deleteVolumes = (context: Context, names: readonly string[]): Promise<number> =>
  runDeletions(
    context,
    names.map((name) => ({ kind: "Volume", name, run: () => deleteVolume(context.client, name) })),
  );

export const deleteVolumeTemplates = (context: Context, names: readonly string[]): Promise<number> =>
  runDeletions(
    context,
    names.map((name) => ({ kind: "VolumeTemplate", name, run: () => deleteVolumeTemplate(context.client, name) })),
  );

/** A reference with a tag deletes that tag only. */
export const deleteImages = (context: Context, references: readonly string[]): Promise<number> =>
  runDeletions(
    context,
    references.map((reference) => imageDeletion(context, reference)),
  );

function imageDeletion({ client }: Context, reference: string): Deletion {
  const { type, name, tag } = parseImageReference(reference);
  const label = `${type}/${name}`;
  const done = tag === undefined ? `Image ${label} deleted (all tags)` : `Image tag ${label}:${tag} deleted`;
  const path = tag === undefined ? name : `${name}:${tag}`;
  return { kind: "Image", name: reference, done, run: () => deleteImage(client, { type, name: path }) };
}
