/** The lines of a streamed answer as they come, without the empty ones. */
export async function* linesOf(response: Response): AsyncGenerator<string> {
  if (response.body === null) return;
  let rest = "";
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line !== "") yield line.replace(/\r$/, "");
  }
  if (rest !== "") yield rest;
}
