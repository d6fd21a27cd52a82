/** Debian's curl, because it speaks HTTP/2, which `fetch` does not. */
function startCurl(parameters: readonly string[]): Bun.Subprocess<"ignore", "pipe", "inherit"> {
  return Bun.spawn(["curl", "--silent", "--show-error", "--no-buffer", "--max-time", "20", ...parameters], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

/** What curl prints until it ends. */
export async function curl(parameters: readonly string[]): Promise<string> {
  return new Response(startCurl(parameters).stdout).text();
}

/** What curl prints until `wanted` is in it; then the client leaves. */
export async function curlUntil(parameters: readonly string[], wanted: string): Promise<string> {
  const child = startCurl(parameters);
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes(wanted)) break;
  }
  child.kill();
  await child.exited;
  return text;
}
