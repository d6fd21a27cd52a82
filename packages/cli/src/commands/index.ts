import type { Command } from "commander";
import type { Io } from "../io.ts";
import { registerLogin, registerLogout, registerToken, registerWorkspaces } from "./account.ts";
import { registerApply } from "./apply.ts";
import { registerCompletion } from "./completion.ts";
import { registerDelete } from "./delete.ts";
import { registerDeploy } from "./deploy.ts";
import { registerForward, registerRunLocal } from "./forward.ts";
import { registerGet } from "./get.ts";
import { registerImage, registerShare, registerUnshare } from "./image.ts";
import { registerNew } from "./new.ts";
import { registerPush } from "./push.ts";
import { registerConnect, registerCopy, registerExec, registerLogs, registerPs, registerRun } from "./sandbox.ts";
import { registerVersion } from "./version.ts";

type Register = (program: Command, io: Io) => void;

/* In the order of the help. A file here only says what there is; what it does is loaded when it runs. */
const COMMANDS: readonly Register[] = [
  registerLogin,
  registerLogout,
  registerWorkspaces,
  registerToken,
  registerNew,
  registerPush,
  registerDeploy,
  registerApply,
  registerImage,
  registerShare,
  registerUnshare,
  registerRunLocal,
  registerForward,
  registerGet,
  registerPs,
  registerExec,
  registerConnect,
  registerCopy,
  registerLogs,
  registerRun,
  registerDelete,
  registerCompletion,
  registerVersion,
];

export function registerCommands(program: Command, io: Io): void {
  for (const register of COMMANDS) register(program, io);
}
