import { AppError } from "@dormouse/kernel";

/** Each takes disk and a processor: more at once only make each other slower. */
const UPLOADS_MAX_COUNT = 4;

/** How many uploads are under way. */
export class UploadSlots {
  #takenCount = 0;

  /** @throws {AppError} RATE_LIMITED at once when there are too many already */
  async run<T>(upload: () => Promise<T>): Promise<T> {
    if (this.#takenCount >= UPLOADS_MAX_COUNT) {
      throw new AppError("RATE_LIMITED", `Cannot take the upload: ${UPLOADS_MAX_COUNT} others are under way`, {
        hint: "Try again in a moment; the address still holds",
      });
    }
    this.#takenCount += 1;
    try {
      return await upload();
    } finally {
      this.#takenCount -= 1;
    }
  }
}
