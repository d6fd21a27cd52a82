import { WebSocket } from "ws";

/** What a cell prints; `url` is that of the server. Source: Jupyter's messaging protocol 5.3, over its WebSocket of channels. */
export async function runInKernel(url: string, kernelId: string, code: string): Promise<string> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/api/kernels/${kernelId}/channels`);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const header = { msg_id: "1", username: "", session: "test", date: "", msg_type: "execute_request", version: "5.3" };
  const content = { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false };
  socket.on("open", () =>
    socket.send(JSON.stringify({ header, parent_header: {}, metadata: {}, content, channel: "shell" })),
  );
  socket.on("error", reject);
  socket.on("message", (data: Buffer) => {
    const message = JSON.parse(data.toString()) as { msg_type: string; content: { text?: string } };
    if (message.msg_type === "stream") resolve(message.content.text ?? "");
    if (message.msg_type === "error") reject(new Error(JSON.stringify(message.content)));
  });
  try {
    return await promise;
  } finally {
    socket.close();
  }
}
