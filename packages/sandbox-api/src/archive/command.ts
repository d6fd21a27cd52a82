import { AppError } from "@dormouse/kernel";
import type { AgentArguments } from "../arguments.ts";
import { resolveIdentity } from "../identity/accounts.ts";

const STANDARD_INPUT = 0;
/** Nobody's names: the user is given by numbers. */
const NO_ACCOUNTS = { passwd: "", group: "" };

type UnpackArguments = Pick<AgentArguments, "user" | "roomBytes" | "lastWins">;

/**
 * Unpacks the archive that standard input is, into an empty folder, with the rights of `user` alone. Resolves with one line of
 * JSON: `{ "contentBytes": … }`, or `{ "refusal": … }` with what is wrong with the archive.
 */
export async function unpackStandardInput(folder: string, asked: UnpackArguments): Promise<string> {
  /* Before the process is confined to where there are no modules. */
  const [{ confineTo }, { unpackArchive }, { statfsSync }] = await Promise.all([
    import("./confine.ts"),
    import("./unpack.ts"),
    import("node:fs"),
  ]);
  confineTo(folder, resolveIdentity(asked.user ?? "", NO_ACCOUNTS));
  const { bavail, bsize } = statfsSync("/");
  const roomBytes = Math.min(bavail * bsize, asked.roomBytes ?? Number.POSITIVE_INFINITY);
  try {
    const target = { folder: "/", roomBytes, lastWins: asked.lastWins };
    return JSON.stringify(await unpackArchive(STANDARD_INPUT, target));
  } catch (error) {
    if (error instanceof AppError) return JSON.stringify({ refusal: error.message });
    throw error;
  }
}
