import { AppError } from "@dormouse/kernel";

export type ProjectType = "sandbox" | "volume-template";

const TYPES: Readonly<Record<string, ProjectType>> = {
  sandbox: "sandbox",
  sbx: "sandbox",
  "volume-template": "volume-template",
  volumetemplate: "volume-template",
  vt: "volume-template",
};

/** @throws {AppError} INVALID_ARGUMENT for agents, jobs and whatever else runs elsewhere */
export function parseProjectType(text: string): ProjectType {
  const type = TYPES[text];
  if (type !== undefined) return type;
  throw new AppError("INVALID_ARGUMENT", `Cannot use the project type "${text}": this server has none of it`, {
    hint: 'The types are "sandbox" and "volume-template"',
  });
}
