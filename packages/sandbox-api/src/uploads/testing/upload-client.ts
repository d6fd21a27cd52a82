import type { UploadedPart, UploadStarted } from "@dormouse/schema";
import { openSocket, type TestAgent } from "../../testing/agent.ts";

type Requester = Pick<TestAgent, "request">;
type PartBytes = string | Uint8Array<ArrayBuffer>;

export const encoded = (path: string): string => encodeURIComponent(path);

/** Begins an upload to an absolute path, expecting 200. */
export async function initiate(agent: Requester, path: string, body: unknown = {}): Promise<UploadStarted> {
  const response = await agent.request(`/filesystem-multipart/initiate/${encoded(path)}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  if (response.status !== 200) throw new Error(`initiate answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as UploadStarted;
}

export function putPart(
  agent: Requester,
  id: string,
  partNumber: number | string,
  bytes: PartBytes,
): Promise<Response> {
  const body = new FormData();
  body.append("file", new Blob([bytes]), "blob");
  return agent.request(`/filesystem-multipart/${id}/part?partNumber=${partNumber}`, { method: "PUT", body });
}

/** Sends a part, expecting 200. */
export async function sendPart(
  agent: Requester,
  id: string,
  [partNumber, bytes]: readonly [number, PartBytes],
): Promise<UploadedPart> {
  const response = await putPart(agent, id, partNumber, bytes);
  if (response.status !== 200) throw new Error(`part answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as UploadedPart;
}

export const completeWith = (agent: Requester, id: string, parts: readonly unknown[]): Promise<Response> =>
  agent.request(`/filesystem-multipart/${id}/complete`, { method: "POST", body: JSON.stringify({ parts }) });

export const abort = (agent: Requester, id: string): Promise<Response> =>
  agent.request(`/filesystem-multipart/${id}/abort`, { method: "DELETE" });

/** Sends the beginning of a part and leaves the rest to come; the caller ends the connection. */
export async function beginPart(agent: TestAgent, id: string, [partNumber, text]: readonly [number, string]) {
  const socket = await openSocket(agent.api.port);
  socket.write(
    `PUT /filesystem-multipart/${id}/part?partNumber=${partNumber} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n` +
      "Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n" +
      `Content-Disposition: form-data; name="file"; filename="blob"\r\n\r\n${text}`,
  );
  return socket;
}

export const errorOf = async (response: Response): Promise<string> =>
  ((await response.json()) as { error: string }).error;

/** Bytes that differ from those of another seed at every length. */
export function bytesOf(seed: number, sizeBytes: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.alloc(sizeBytes);
  for (let index = 0; index < sizeBytes; index += 1) bytes[index] = (seed * 31 + index * 7 + (index >> 8)) & 0xff;
  return bytes;
}
