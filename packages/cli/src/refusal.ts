import { AppError } from "@dormouse/kernel";
import { ApiError } from "@dormouse/sdk";
import type { Context } from "./context.ts";

/** A refused request with the credential it was made with; anything else as it is. */
export function explainRefusal(error: unknown, { credentialSource }: Context): unknown {
  if (!(error instanceof ApiError) || (error.status !== 401 && error.status !== 403)) return error;
  const variable = /environment variable (\w+)/.exec(credentialSource)?.[1];
  const remedy = variable === undefined ? "" : `; unset it with 'unset ${variable}' to use your login`;
  return new AppError(error.status === 401 ? "UNAUTHENTICATED" : "FORBIDDEN", error.message, {
    hint: [error.hint, `Authentication is using ${credentialSource}${remedy}`].filter(Boolean).join(". "),
    cause: error,
  });
}
