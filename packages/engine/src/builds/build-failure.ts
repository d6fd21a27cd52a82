import { AppError } from "@dormouse/kernel";
import { FAILED_PART } from "./build-command.ts";
import type { BoxEnd } from "./box.ts";

export interface FailedBuild extends BoxEnd {
  /** The last lines of its log. */
  readonly tail: readonly string[];
  readonly memoryMiB: number;
}

const SHOWN_LINE_COUNT = 3;
const SHOWN_MAX_CHARACTERS = 600;
/** What buildah says, or the shell of our own script. */
const COMPLAINT = /^(?:Error|error|time="[^"]*" level=(?:fatal|error)\b.*?msg=)/;
const BY_STEP = /building at STEP "((?:[^"\\]|\\.)*)": (.*)$/s;
const EXIT_STATUS = /exit status (\d+)\s*$/;
const STEP = /^(?:\[(\d+\/\d+)\] )?STEP (\d+\/\d+): (.*)$/;
const NO_SPACE = /no space left on device/i;
const NO_NETWORK =
  /connection refused|network is unreachable|no route to host|could not resolve|temporary failure in name resolution|ECONNREFUSED|ENETUNREACH|ENOTFOUND|EAI_AGAIN/i;
const SEE_LOG = "The build's log shows all of it";

/** Why a build failed, for the person who wrote the Dockerfile. */
export function buildFailure(build: FailedBuild): AppError {
  const what = whatFailed(build);
  const isFull = build.tail.some((line) => NO_SPACE.test(line));
  if (build.isOutOfMemory) {
    const hint = `A build has ${build.memoryMiB} MiB; use less at once, such as fewer parallel jobs`;
    return new AppError("BUILD_FAILED", `Cannot build the image: ${what} ran out of memory`, { hint });
  }
  if (isFull) {
    const hint = "Make the image smaller, or raise DORMOUSE_BUILD_DISK_MIB";
    return new AppError("BUILD_FAILED", `Cannot build the image: ${what} left no space on the build's disk`, { hint });
  }
  const hint = build.tail.some((line) => NO_NETWORK.test(line))
    ? "Builds reach public addresses alone: not this host, not other sandboxes, no private network"
    : SEE_LOG;
  return new AppError("BUILD_FAILED", `Cannot build the image: ${what} ${outcome(build)}`, { hint });
}

function whatFailed({ tail, exitCode }: FailedBuild): string {
  const part = FAILED_PART[exitCode as keyof typeof FAILED_PART] as string | undefined;
  if (part === "load") return "taking in an image it builds on";
  if (part === "save") return "writing it out";
  const [, stage, step, instruction = ""] = STEP.exec(tail.findLast((line) => STEP.test(line)) ?? "") ?? [];
  if (step === undefined) return "its Dockerfile";
  const ofStage = stage === undefined ? "" : ` of stage ${stage}`;
  return `step ${step}${ofStage}, "${instruction.slice(0, SHOWN_MAX_CHARACTERS)}",`;
}

function outcome({ tail, exitCode }: FailedBuild): string {
  const complaint = tail.findLast((line) => COMPLAINT.test(line)) ?? "";
  const [, , reason = complaint.replace(COMPLAINT, "").replace(/^: /, "")] = BY_STEP.exec(complaint) ?? [];
  const [, status] = EXIT_STATUS.exec(complaint) ?? [];
  if (status === undefined) return `failed: ${(reason || `exit code ${exitCode}`).slice(0, SHOWN_MAX_CHARACTERS)}`;
  const ofStep = tail.slice(tail.findLastIndex((line) => STEP.test(line)) + 1);
  const said = ofStep.filter((line) => !isOfBuildah(line)).slice(-SHOWN_LINE_COUNT);
  const saying = said.length === 0 ? "" : `: ${said.join("; ").slice(-SHOWN_MAX_CHARACTERS)}`;
  return `exited with ${status}${saying}`;
}

const isOfBuildah = (line: string): boolean =>
  line.trim() === "" || COMPLAINT.test(line) || /^--> |^COMMIT|^subprocess exited with status/.test(line);
