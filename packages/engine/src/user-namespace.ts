import { openSync, readlinkSync, writeFileSync } from "node:fs";
import { AppError } from "@dormouse/kernel";

/** Root inside is this user outside, a user that owns nothing else on the host. */
export const MAPPED_ROOT_ID = 100_000;
export const MAPPED_ID_COUNT = 65_536;

const MAPPING = `0 ${MAPPED_ROOT_ID} ${MAPPED_ID_COUNT}`;
const OWN_NAMESPACE = "/proc/self/ns/user";

/** A descriptor of a user namespace with the sandboxes' mapping; the kernel keeps the namespace as long as it is open. */
export async function openMappedUserNamespace(): Promise<number> {
  const holder = Bun.spawn(["unshare", "--user", "sh", "-c", "echo ready; read line"], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  try {
    const { value } = await holder.stdout.getReader().read();
    const namespace = `/proc/${holder.pid}/ns/user`;
    if (value === undefined || readlinkSync(namespace) === readlinkSync(OWN_NAMESPACE)) {
      throw new AppError("HOST_UNSUITABLE", "Cannot make a user namespace: the kernel refused", {
        hint: "Run `dormouse doctor`; user namespaces must be enabled for root",
      });
    }
    writeFileSync(`/proc/${holder.pid}/uid_map`, MAPPING);
    writeFileSync(`/proc/${holder.pid}/gid_map`, MAPPING);
    return openSync(namespace, "r");
  } finally {
    await holder.stdin.end();
    await holder.exited;
  }
}
