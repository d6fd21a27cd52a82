export type Variables = Readonly<Record<string, string>>;

const REFERENCE = /\\(.)|\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-+])([^{}]*))?\})/g;

/** `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}` of a word, as the Dockerfile reference says under "Environment replacement". */
export function expandVariables(word: string, variables: Variables): string {
  return word.replace(REFERENCE, (_whole, escaped, plain, braced, operator, other) => {
    if (escaped !== undefined) return String(escaped);
    const value = variables[String(plain ?? braced)];
    const isSet = String(operator ?? "").startsWith(":") ? value !== undefined && value !== "" : value !== undefined;
    if (String(operator ?? "").endsWith("-")) return isSet ? (value ?? "") : String(other);
    if (String(operator ?? "").endsWith("+")) return isSet ? String(other) : "";
    return value ?? "";
  });
}

/** Without the quotes around it or in it. */
export const unquote = (word: string): string => word.replaceAll(/(["'])(.*?)\1/g, "$2");
