import { AppError } from "@dormouse/kernel";
import { resolveIdentity } from "../identity/accounts.ts";

const STANDARD_INPUT = 0;
/** Nobody's names: the user is given by numbers. */
const NO_ACCOUNTS = { passwd: "", group: "" };

/**
 * Unpacks the ZIP file that standard input is, into an empty folder, with the rights of `user` alone. Resolves with one line of
 * JSON: `{ "contentBytes": … }`, or `{ "refusal": … }` with what is wrong with the archive.
 */
export async function unpackStandardInput(folder: string, user: string | null): Promise<string> {
  /* Before the process is confined to where there are no modules. */
  const [{ confineTo }, { unpackArchive }, { statfsSync }] = await Promise.all([
    import("./confine.ts"),
    import("./unpack.ts"),
    import("node:fs"),
  ]);
  confineTo(folder, resolveIdentity(user ?? "", NO_ACCOUNTS));
  const { bavail, bsize } = statfsSync("/");
  try {
    return JSON.stringify(await unpackArchive(STANDARD_INPUT, { folder: "/", roomBytes: bavail * bsize }));
  } catch (error) {
    if (error instanceof AppError) return JSON.stringify({ refusal: error.message });
    throw error;
  }
}
