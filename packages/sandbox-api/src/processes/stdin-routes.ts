import { AppError } from "@dormouse/kernel";
import { json } from "../http.ts";
import type { RequestContext, Route } from "../router.ts";
import type { ProcessTable } from "./process-table.ts";

const MAX_WRITE_BYTES = 8 * 1024 * 1024;

/** Writing to the input of a process, and ending it. */
export function stdinRoutes(table: ProcessTable): Route[] {
  const find = ({ params }: RequestContext) => table.get(params["id"] ?? "");
  return [
    {
      method: "POST",
      pattern: "/process/:id/stdin",
      handle: async (context) => {
        const { stdin } = find(context);
        const bytes = await readBody(context.request);
        await stdin.write(bytes, context.request.signal);
        return json({ message: `${bytes.length} bytes written to stdin` });
      },
    },
    {
      method: "DELETE",
      pattern: "/process/:id/stdin",
      handle: (context) => {
        find(context).closeStdin();
        return json({ message: "Stdin closed successfully" });
      },
    },
  ];
}

/** @throws {AppError} TOO_LARGE */
async function readBody(request: Request): Promise<Uint8Array> {
  if (Number(request.headers.get("content-length")) > MAX_WRITE_BYTES) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of request.body ?? []) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_WRITE_BYTES) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooLarge = (): AppError =>
  new AppError("TOO_LARGE", `Cannot write to the stdin of the process: a write holds at most ${MAX_WRITE_BYTES} bytes`);
