import { readFileSync } from "node:fs";
import { isVariable } from "./environment.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * `env` with what did not fit into it: the `KEY\0VALUE\0` pairs of the file that `BL_ENV_VAR_PATH` names. Variables that exist
 * win, and a bad name loses only itself. `complain` gets a sentence when the file gives nothing.
 */
export function withOverflow(env: Variables, complain: (sentence: string) => void): Variables {
  const path = env["BL_ENV_VAR_PATH"];
  if (!path) return env;
  const refuse = (reason: string) => complain(`Cannot read the variables of "${path}" (BL_ENV_VAR_PATH): ${reason}`);
  try {
    const text = readFileSync(path, "utf8");
    const overflow = parsePairs(text);
    if (text !== "" && Object.keys(overflow).length === 0) refuse("it holds no KEY\\0VALUE\\0 pairs");
    return { ...overflow, ...env };
  } catch (error) {
    refuse(error instanceof Error ? error.message : String(error));
    return env;
  }
}

function parsePairs(text: string): Record<string, string> {
  const parts = text.split("\0");
  const pairs: Record<string, string> = {};
  for (let index = 0; index + 1 < parts.length; index += 2) {
    const [name = "", value = ""] = [parts[index], parts[index + 1]];
    if (isVariable(name, value) && !Object.hasOwn(pairs, name)) pairs[name] = value;
  }
  return pairs;
}
