/** The lines of a streamed answer as they come, without the empty ones; it just ends when the signal is aborted. */
export async function* linesOf(response: Response, signal?: AbortSignal): AsyncGenerator<string> {
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const leave = (): void => void reader.cancel().catch(() => undefined);
  signal?.addEventListener("abort", leave, { once: true });
  try {
    yield* splitLines(reader);
  } finally {
    signal?.removeEventListener("abort", leave);
    leave();
  }
}

async function* splitLines(reader: {
  read(): Promise<{ done: boolean; value?: string | undefined }>;
}): AsyncGenerator<string> {
  let rest = "";
  for (;;) {
    const { done, value = "" } = await reader.read();
    const lines = (rest + value).split("\n");
    rest = done ? "" : (lines.pop() ?? "");
    for (const line of lines) if (line !== "") yield line.replace(/\r$/, "");
    if (done) return;
  }
}
