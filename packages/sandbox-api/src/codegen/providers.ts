import { AppError } from "@dormouse/kernel";
import type { CodegenProvider } from "@dormouse/schema";
import { askProvider, type ProviderAccess } from "./provider-request.ts";

export interface ApplyRequest {
  readonly original: string;
  readonly codeEdit: string;
  readonly instructions?: string | undefined;
  readonly model?: string | undefined;
}

export interface RankRequest {
  readonly query: string;
  readonly files: readonly { readonly path: string; readonly content: string }[];
  readonly tokenLimit: number;
}

/** A service that merges edits and ranks files. Both fail with UNPROCESSABLE. */
export interface Provider {
  readonly name: Exclude<CodegenProvider, "local">;
  /** As messages name it. */
  readonly label: string;
  /** The whole updated text. */
  apply(request: ApplyRequest, signal: AbortSignal): Promise<string>;
  /** Scores, 0 to 1, by path. */
  rank(request: RankRequest, signal: AbortSignal): Promise<ReadonlyMap<string, number>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Relace when its key is set, else Morph when its is, else null. */
export function findProvider(env: Environment): Provider | null {
  const relaceKey = env["RELACE_API_KEY"];
  if (relaceKey)
    return relace({ label: "Relace", baseUrl: baseUrl(env["RELACE_BASE_URL"], RELACE_URL), key: relaceKey });
  const morphKey = env["MORPH_API_KEY"];
  if (morphKey) return morph({ label: "Morph", baseUrl: baseUrl(env["MORPH_BASE_URL"], MORPH_URL), key: morphKey });
  return null;
}

const RELACE_URL = "https://models.relace.ai";
const RELACE_MODEL = "relace-apply-3";
const MORPH_URL = "https://api.morphllm.com/v1";
const MORPH_RERANK_MODEL = "morph-rerank-v3";

const baseUrl = (given: string | undefined, usual: string): string => (given || usual).replace(/\/+$/, "");

function relace(access: ProviderAccess): Provider {
  return {
    name: "relace",
    label: access.label,
    async apply({ original, codeEdit, instructions, model }, signal) {
      const body = {
        initial_code: original,
        edit_snippet: codeEdit,
        ...(instructions ? { instruction: instructions } : {}),
        model: model && model !== "auto" ? model : RELACE_MODEL,
        stream: false,
      };
      const { mergedCode } = await askProvider(access, "/v1/code/apply", { body, signal });
      return mergedText(access, mergedCode);
    },
    async rank({ query, files, tokenLimit }, signal) {
      const codebase = files.map(({ path, content }) => ({ filename: path, content }));
      const answer = await askProvider(access, "/v2/code/rank", {
        body: { query, codebase, token_limit: tokenLimit },
        signal,
      });
      return scores(answer["results"], ({ filename, score }) => [filename, score]);
    },
  };
}

function morph(access: ProviderAccess): Provider {
  return {
    name: "morphllm",
    label: access.label,
    async apply({ original, codeEdit, instructions, model }, signal) {
      const instruction = instructions ? `<instruction>${instructions}</instruction>\n` : "";
      const content = `${instruction}<code>${original}</code>\n<update>${codeEdit}</update>`;
      const body = { model: model || "auto", messages: [{ role: "user", content }], stream: false };
      const answer = await askProvider(access, "/chat/completions", { body, signal });
      const choices = answer["choices"] as { message?: { content?: unknown } }[] | undefined;
      return mergedText(access, Array.isArray(choices) ? choices[0]?.message?.content : undefined);
    },
    async rank({ query, files }, signal) {
      const documents = files.map(({ content }) => content);
      const answer = await askProvider(access, "/rerank", {
        body: { model: MORPH_RERANK_MODEL, query, documents },
        signal,
      });
      return scores(answer["results"], ({ index, relevance_score }) => [files[Number(index)]?.path, relevance_score]);
    },
  };
}

/** An empty text is no merge: it would empty the file. */
function mergedText({ label }: ProviderAccess, text: unknown): string {
  if (typeof text === "string" && text !== "") return text;
  throw new AppError("UNPROCESSABLE", `Cannot use ${label}: its answer holds no merged code`);
}

function scores(
  results: unknown,
  read: (result: Readonly<Record<string, unknown>>) => readonly [path: unknown, score: unknown],
): ReadonlyMap<string, number> {
  const byPath = new Map<string, number>();
  for (const result of Array.isArray(results) ? results : []) {
    const [path, score] = read({ ...(result as object) });
    if (typeof path === "string" && typeof score === "number") byPath.set(path, score);
  }
  return byPath;
}
