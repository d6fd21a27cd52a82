import { AppError, isErrorCode } from "@dormouse/kernel";
import { DEFAULT_ERROR_PAGE } from "./default-error-page.ts";

/** HTML by file name: `<ERROR_CODE>.html`, `<status>.html` or `default.html`. */
export type ErrorPageTemplates = Readonly<Record<string, string>>;

export interface ErrorPages {
  /** The page for an error, from the template of its code, else of its status, else the default. `requestPath` is without its query. */
  render(error: AppError, requestPath: string): string;
}

type Field = (typeof FIELDS)[number];
type Values = Readonly<Record<Field, string>>;
type Page = (values: Values) => string;

const FIELDS = ["status", "code", "message", "hint", "requestPath"] as const;
const PLACEHOLDER = /\{\{\s*([^{}]*?)\s*\}\}/;
const PAGE_FILE = /^(default|[45]\d\d|[A-Z][A-Z_]*)\.html$/;
const DEFAULT_NAME = "default";

/**
 * Pages from an operator's templates over our own. Every value is escaped for text and for quoted attributes.
 * @throws {AppError} INVALID_ARGUMENT for a file that belongs to no error, or a placeholder that has no value
 */
export function createErrorPages(templates: ErrorPageTemplates = {}): ErrorPages {
  const pages = new Map([[DEFAULT_NAME, compile(`${DEFAULT_NAME}.html`, DEFAULT_ERROR_PAGE)]]);
  for (const [file, template] of Object.entries(templates)) pages.set(nameOf(file), compile(file, template));
  return {
    render(error, requestPath) {
      const page = pages.get(error.code) ?? pages.get(String(error.status)) ?? pages.get(DEFAULT_NAME);
      const { code, message, hint = "" } = error;
      return page?.({ status: String(error.status), code, message, hint, requestPath }) ?? "";
    },
  };
}

function nameOf(file: string): string {
  const name = PAGE_FILE.exec(file)?.[1];
  if (name !== undefined && (name === DEFAULT_NAME || /^\d/.test(name) || isErrorCode(name))) return name;
  throw new AppError("INVALID_ARGUMENT", `Cannot use error page "${file}": no error has this name`, {
    hint: "Name it default.html, by status such as 404.html, or by code such as SANDBOX_NOT_FOUND.html",
  });
}

function compile(file: string, template: string): Page {
  // Texts at even places, names of fields between them.
  const parts = template.split(PLACEHOLDER).map((part, index) => (index % 2 === 0 ? part : fieldOf(file, part)));
  return (values) => parts.map((part, index) => (index % 2 === 0 ? part : escapeHtml(values[part as Field]))).join("");
}

function fieldOf(file: string, name: string): Field {
  const field = FIELDS.find((known) => known === name);
  if (field !== undefined) return field;
  throw new AppError("INVALID_ARGUMENT", `Cannot use error page "${file}": there is no value for "{{${name}}}"`, {
    hint: `There is one for ${FIELDS.map((known) => `{{${known}}}`).join(", ")}`,
  });
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => `&#${character.charCodeAt(0)};`);
}
