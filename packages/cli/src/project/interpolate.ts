/** What stands behind the names in a project's files. Process environment first, then `.env` files and `-s NAME=VALUE`. */
export interface Variables {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly secrets: Readonly<Record<string, string>>;
}

export interface Interpolated {
  readonly text: string;
  /** References nothing stands behind, left as they were. */
  readonly unresolved: readonly Reference[];
}

export interface Reference {
  readonly name: string;
  readonly isSecret: boolean;
  readonly fallback: string | undefined;
}

/** `${NAME}`, `${NAME:default}`, `$NAME`, each also with `secrets.` before the name. */
const REFERENCE = String.raw`\$\{\s*(secrets\.)?([A-Za-z_]\w*)\s*(?::([^}]*))?\}|\$(secrets\.)?([A-Za-z_]\w*)`;
const ANYWHERE = new RegExp(REFERENCE, "g");
const WHOLE = new RegExp(`^(?:${REFERENCE})$`);

/** Fills in every reference in `text`. */
export function interpolate(text: string, variables: Variables): Interpolated {
  const unresolved: Reference[] = [];
  const filled = text.replace(ANYWHERE, (whole: string, ...groups: (string | undefined)[]) => {
    const reference = referenceOf(groups);
    const value = valueOf(reference, variables);
    if (value === undefined) unresolved.push(reference);
    return value ?? whole;
  });
  return { text: filled, unresolved };
}

/** Fills in a value that is one reference and nothing else: values of `[env]` may hold a dollar sign of their own. */
export function interpolateWhole(text: string, variables: Variables): Interpolated {
  return WHOLE.test(text) ? interpolate(text, variables) : { text, unresolved: [] };
}

function referenceOf(groups: readonly (string | undefined)[]): Reference {
  const [bracedSecret, bracedName, fallback, bareSecret, bareName] = groups;
  return { name: bracedName ?? bareName ?? "", isSecret: (bracedSecret ?? bareSecret) !== undefined, fallback };
}

const valueOf = ({ name, fallback }: Reference, { env, secrets }: Variables): string | undefined =>
  env[name] ?? secrets[name] ?? fallback;
