import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { AppError, randomId } from "@dormouse/kernel";
import type { Io } from "../io.ts";
import type { GlobalOptions } from "../options.ts";
import { createMessages } from "../output/messages.ts";
import { renderTable, type TableColumn } from "../output/table.ts";
import { askText, choose, isInteractive } from "../prompts.ts";
import { slugify } from "./names.ts";
import { parseProjectType, type ProjectType } from "./project-type.ts";
import { type ProjectTemplate, renderTemplate, TEMPLATES } from "./templates.ts";

export interface NewOptions {
  readonly template?: string;
  readonly list?: boolean;
  readonly yes?: boolean;
}

export interface NewContext {
  readonly io: Io;
  readonly global: GlobalOptions;
  readonly options: NewOptions;
}

export interface WantedProject {
  readonly type: string | undefined;
  readonly directory: string | undefined;
}

const TYPE_CHOICES = [
  { value: "sandbox", label: "sandbox: an image for sandboxes" },
  { value: "volume-template", label: "volume-template: files that new volumes begin with" },
] as const;

/** Writes the files of a template into a folder that is not there yet. */
export async function newProject(context: NewContext, wanted: WantedProject): Promise<void> {
  const { io, global, options } = context;
  if (options.list === true) return await printTemplates(context, wanted.type);
  const type = parseProjectType(wanted.type ?? (await askType(context)));
  const template = findTemplate(type, options.template ?? (await askTemplate(context, type)));
  const directory = wanted.directory ?? (await askDirectory(context, type));
  const folder = resolve(io.cwd, directory);
  if (existsSync(folder)) {
    throw new AppError("INVALID_ARGUMENT", `Cannot create "${directory}": it is there already`, {
      hint: "Choose another folder, or remove it first",
    });
  }
  const name = slugify(basename(folder));
  if (name === "")
    throw new AppError("INVALID_ARGUMENT", `Cannot name a project after "${directory}": no letter of it can stay`);
  writeProject(folder, renderTemplate(template, name));
  await report(context, { directory, template: template.name, language: template.language, type });
  const say = createMessages(io, global.output);
  say.success(`Your ${type} has been created successfully!`);
  say.info(`cd ${directory}`);
  if (type === "sandbox") say.info("make build && make run");
  say.info(`${io.program} deploy`);
}

function writeProject(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content, { mode: path.endsWith(".sh") ? 0o755 : 0o644 });
  }
}

function findTemplate(type: ProjectType, name: string): ProjectTemplate {
  const known = TEMPLATES.filter((template) => template.type === type);
  const found = known.find((template) => template.name === name);
  if (found !== undefined) return found;
  throw new AppError(
    "INVALID_ARGUMENT",
    `Cannot find the template "${name}": there is none of this name for a ${type}`,
    {
      hint: `There are: ${known.map((template) => template.name).join(", ")}`,
    },
  );
}

async function askType({ io, options }: NewContext): Promise<string> {
  if (options.yes !== true && isInteractive(io)) return await choose(io, "What do you want to create?", TYPE_CHOICES);
  throw new AppError("INVALID_ARGUMENT", "Cannot create a project: its type is missing", {
    hint: `Name it: ${io.program} new sandbox`,
  });
}

async function askTemplate({ io, options }: NewContext, type: ProjectType): Promise<string> {
  const known = TEMPLATES.filter((template) => template.type === type);
  const [first] = known;
  if (known.length === 1 || options.yes === true || !isInteractive(io)) return first?.name ?? "";
  const choices = known.map(({ name, description }) => ({ value: name, label: `${name}: ${description}` }));
  return await choose(io, "Which template?", choices);
}

async function askDirectory({ io, options }: NewContext, type: ProjectType): Promise<string> {
  const random = `${type}-${randomId(5)}`;
  return options.yes === true || !isInteractive(io) ? random : await askText(io, "In which folder?", random);
}

async function report({ io, global }: NewContext, written: Readonly<Record<string, string>>): Promise<void> {
  if (global.output === "json") io.stdout.write(`${JSON.stringify(written, undefined, 2)}\n`);
  if (global.output === "yaml") io.stdout.write((await import("yaml")).stringify(written));
}

async function printTemplates({ io, global }: NewContext, type: string | undefined): Promise<void> {
  const wanted = type === undefined ? undefined : parseProjectType(type);
  const templates = TEMPLATES.filter((template) => wanted === undefined || template.type === wanted);
  const data = templates.map(({ name, type, language, description }) => ({
    name,
    fullName: name,
    type,
    language,
    description,
  }));
  if (global.output === "json") return void io.stdout.write(`${JSON.stringify(data, undefined, 2)}\n`);
  if (global.output === "yaml") return void io.stdout.write((await import("yaml")).stringify(data));
  const rows = data.map(({ name, type, language, description }) => [name, type, language, description]);
  io.stdout.write(renderTable(TEMPLATE_COLUMNS, rows, io.terminalSize()?.columns));
}

const TEMPLATE_COLUMNS: readonly TableColumn[] = [
  { heading: "NAME" },
  { heading: "TYPE" },
  { heading: "LANGUAGE", whenNarrow: "leave out" },
  { heading: "DESCRIPTION", whenNarrow: "cut" },
];
