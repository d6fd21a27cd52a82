import { runCommand } from "../run-command.ts";
import type { BuildImages } from "./build-images.ts";
export const devImages = (): BuildImages => ({
  fullName: (r) => `docker.io/library/${r}`,
  hasPublic: () => false,
  exportPublic: () => Promise.reject(new Error("no")),
  pull: async ({ reference, layoutDir }) => {
    await runCommand(["skopeo", "copy", "--src-tls-verify=false", "--insecure-policy", `docker://${require("node:fs").readFileSync("/tmp/bx/reg","utf8")}/library/${reference}`, `oci:${layoutDir}`]);
  },
  take: async (_id, { layoutDir }) => {
    const out = await runCommand(["du", "-sb", layoutDir]);
    await runCommand(["sh", "-c", `rm -rf /tmp/lastout; cp -r ${layoutDir} /tmp/lastout`]);
    return { sizeBytes: Number(out.split("\t")[0]) };
  },
  forget: () => undefined,
});
