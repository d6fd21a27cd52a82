import { loadFfi } from "../ffi.ts";
import type { Identity } from "../identity/accounts.ts";
import { becomeIdentity } from "../identity/become.ts";

const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9n;

/**
 * From then on this process sees nothing but `folder`, as `/`, has no rights but those of `identity`, and ends with the
 * process that started it. The process must be root.
 */
export function confineTo(folder: string, identity: Identity): void {
  process.chdir(folder);
  const { symbols } = loadFfi().dlopen("libc.so.6", {
    chroot: { args: ["ptr"], returns: "int" },
    prctl: { args: ["int", "u64", "u64", "u64", "u64"], returns: "int" },
  });
  if (symbols.chroot(Buffer.from(".\0")) !== 0) throw new Error(`Cannot confine the process to "${folder}"`);
  process.chdir("/");
  becomeIdentity(identity);
  /* After the change of user, which forgets it. */
  symbols.prctl(PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n);
}
