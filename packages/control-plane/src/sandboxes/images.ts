import { AppError } from "@dormouse/kernel";
import type { EnginePort } from "@dormouse/schema";

/** Before anything is given up for it. @throws {AppError} INVALID_IMAGE */
export async function requireImage(engine: EnginePort, image: string): Promise<void> {
  const supported = await supportedImages(engine);
  const wanted = image.replace(/^(blaxel|sandbox)\//, "");
  if (supported.includes(wanted.includes(":") ? wanted : `${wanted}:latest`)) return;
  throw unknownImage(image, supported);
}

/** What a start failed with; an unknown image is answered with the known ones. */
export async function explainFailure(engine: EnginePort, image: string, error: unknown): Promise<unknown> {
  if (!(error instanceof AppError) || error.code !== "INVALID_IMAGE") return error;
  return unknownImage(image, await supportedImages(engine).catch(() => []), error);
}

async function supportedImages(engine: EnginePort): Promise<string[]> {
  return (await engine.images()).map(({ name, tag }) => `${name}:${tag}`).sort();
}

function unknownImage(image: string, supported: readonly string[], cause?: AppError): AppError {
  return new AppError("INVALID_IMAGE", `Cannot use image "${image}": this machine does not have it`, {
    hint: supported.length === 0 ? "No image is installed yet" : `Available images: ${supported.join(", ")}`,
    details: { requested_image: image, supported_images: supported },
    cause,
  });
}
