import { AppError } from "@dormouse/kernel";

/** Uploads have slots, so none may keep one for ever. */
const UPLOAD_MAX_MS = 60 * 60_000;
const SILENCE_MAX_MS = 60_000;

/** The same body, which fails when it stops coming or takes too long. */
export function withDeadlines(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  let silence: ReturnType<typeof setTimeout> | undefined;
  let whole: ReturnType<typeof setTimeout> | undefined;
  const stop = (): void => {
    clearTimeout(silence);
    clearTimeout(whole);
  };
  const guard = new TransformStream<Uint8Array, Uint8Array>({
    start(controller) {
      const fail = (state: string) => (): void => {
        stop();
        controller.error(new AppError("INVALID_ARGUMENT", `Cannot take the upload: ${state}`));
      };
      silence = setTimeout(fail("it stopped coming"), SILENCE_MAX_MS);
      whole = setTimeout(fail("it takes too long"), UPLOAD_MAX_MS);
    },
    transform(chunk, controller) {
      silence?.refresh();
      controller.enqueue(chunk);
    },
    flush: stop,
  });
  void body.pipeTo(guard.writable).catch(stop);
  return guard.readable;
}
