import { AppError } from "@dormouse/kernel";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Which user the agent is asked to be: the one of its command line, else of `BL_SANDBOX_USER`, else, where
 * `BL_SANDBOX_USER_ENABLED` is on, the image's own. Off, the variables do not count. Null means that it stays who it is.
 * @throws {AppError} INVALID_ARGUMENT when it is on and nobody is named: it never goes on as root by mistake.
 */
export function requestedUser(flag: string | null, env: Environment): string | null {
  if (flag !== null) return flag;
  const enabled = env["BL_SANDBOX_USER_ENABLED"]?.toLowerCase() ?? "";
  if (["false", "0"].includes(enabled)) return null;
  const isOn = ["true", "1"].includes(enabled);
  const spec = env["BL_SANDBOX_USER"] || (isOn ? env["DORMOUSE_IMAGE_USER"] : "");
  if (spec) return spec;
  if (!isOn) return null;
  const reason = "BL_SANDBOX_USER_ENABLED is on, but neither the image's USER nor BL_SANDBOX_USER names a user";
  throw new AppError("INVALID_ARGUMENT", `Cannot run as an unprivileged user: ${reason}`);
}
