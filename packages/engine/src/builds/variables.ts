export type Variables = Readonly<Record<string, string>>;

const REFERENCE = /\\(.)|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-+])([^{}]*))?\})/g;

/** `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}` of a word, as the Dockerfile reference says under "Environment replacement". */
export function expandVariables(word: string, variables: Variables): string {
  return word.replace(REFERENCE, (...match: (string | undefined)[]) => {
    const [, escaped, plain, braced, operator = "", other = ""] = match;
    if (escaped !== undefined) return escaped;
    const value = variables[plain ?? braced ?? ""] ?? "";
    const isSet = operator.startsWith(":") ? value !== "" : Object.hasOwn(variables, plain ?? braced ?? "");
    if (operator.endsWith("-")) return isSet ? value : other;
    if (operator.endsWith("+")) return isSet ? other : "";
    return value;
  });
}

/** Without the quotes around it or in it. */
export const unquote = (word: string): string => word.replaceAll(/(["'])(.*?)\1/g, "$2");
