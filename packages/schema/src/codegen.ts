/** Who merged an edit or ranked files; `local` is the agent itself, which needs no key. */
export type CodegenProvider = "relace" | "morphllm" | "local";

/** Answer of `PUT /codegen/fastapply/{path}`. */
export interface FastApplyResponse {
  readonly success: true;
  readonly path: string;
  readonly originalContent: string;
  readonly updatedContent: string;
  readonly provider: CodegenProvider;
  readonly message: string;
}

/** Answer of `GET /codegen/reranking/{path}`, best file first. */
export interface RerankResponse {
  readonly success: true;
  readonly files: readonly RerankedFile[];
  readonly message: string;
  readonly provider: CodegenProvider;
}

/** `path` is relative to the directory that was searched, `score` is 0 to 1. */
export interface RerankedFile {
  readonly path: string;
  readonly content: string;
  readonly score: number;
}
