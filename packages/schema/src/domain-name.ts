import { z } from "zod";

export const HOSTNAME_MAX_LENGTH = 253;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** Browsers read a name that ends so as an IPv4 address. */
const NUMERIC_LABEL = /^(\d+|0x[0-9a-f]*)$/;

/** A domain of a user's own, in lower case and in ASCII. */
export const DomainName = z
  .string()
  .toLowerCase()
  .superRefine((name, context) => {
    const message = problemOf(name);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  })
  .brand<"DomainName">();
export type DomainName = z.infer<typeof DomainName>;

function problemOf(name: string): string | undefined {
  if (name.startsWith("*.")) return 'leave out "*.": every name below the domain belongs to it';
  if (/[^\0-\x7f]/.test(name)) return 'write the name in its ASCII form, which starts with "xn--"';
  if (name.length > HOSTNAME_MAX_LENGTH) return `a domain has at most ${HOSTNAME_MAX_LENGTH} characters`;
  const labels = name.split(".");
  if (NUMERIC_LABEL.test(labels.at(-1) ?? "")) return "expected a domain, not an address";
  if (labels.at(-1) === "localhost") return '"localhost" is every machine\'s own name';
  if (labels.every((label) => LABEL.test(label)) && labels.length > 1) return undefined;
  return 'expected a domain such as "preview.example.com"';
}
