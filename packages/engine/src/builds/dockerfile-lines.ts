import { AppError } from "@dormouse/kernel";

/** A here-document of an instruction: the text between its opening word and the line that closes it. */
export interface HereDocument {
  readonly delimiter: string;
  /** `<<-`: leading tabs do not count. */
  readonly stripsTabs: boolean;
  /** The opening word was quoted, so nothing in the body is expanded. */
  readonly isQuoted: boolean;
  readonly body: string;
}

/** An instruction with its continuation lines joined. */
export interface Instruction {
  /** In upper case. */
  readonly keyword: string;
  readonly rest: string;
  /** Where it begins, counted from 1. */
  readonly line: number;
  readonly hereDocuments: readonly HereDocument[];
}

export interface DockerfileLines {
  /** `\` or, by a directive, a backtick. */
  readonly escape: string;
  readonly instructions: readonly Instruction[];
}

const KEYWORDS: ReadonlySet<string> = new Set(
  `ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR`.split(
    " ",
  ),
);

const DIRECTIVE = /^#\s*([a-z]+)\s*=(.*)$/i;
const COMMENT = /^\s*#/;
/** Its opening is a word of its own, so neither a here-string nor a shift of bits is one. */
const HERE_DOCUMENT = /(?<=^|\s)\d*<<(-?)(["']?)([A-Za-z_]\w*)\2(?=\s|$)/g;
const WITH_HERE_DOCUMENTS: ReadonlySet<string> = new Set(["ADD", "COPY", "RUN"]);

export function refuseDockerfile(line: number, state: string, hint?: string): AppError {
  const more = hint === undefined ? {} : { hint };
  return new AppError("BUILD_FAILED", `Cannot build the image: line ${line} of its Dockerfile ${state}`, more);
}

/** Source: the Dockerfile reference, "Format" to "Here-documents". @throws BUILD_FAILED naming the line */
export function readDockerfileLines(text: string): DockerfileLines {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const escape = escapeDirective(lines);
  const reader = new LineReader(lines, escape);
  const instructions: Instruction[] = [];
  for (;;) {
    const instruction = reader.next();
    if (instruction === undefined) return { escape, instructions };
    instructions.push(instruction);
  }
}

/** Directives are comments before anything else, even before another comment. */
function escapeDirective(lines: readonly string[]): string {
  for (const [index, line] of lines.entries()) {
    const [, name, text = ""] = DIRECTIVE.exec(line) ?? [];
    if (name === undefined) break;
    if (name.toLowerCase() !== "escape") continue;
    const value = text.trim();
    if (value === "\\" || value === "`") return value;
    throw refuseDockerfile(index + 1, `sets the escape character to "${value}"`, "It can be a backslash or a backtick");
  }
  return "\\";
}

class LineReader {
  readonly #lines: readonly string[];
  readonly #continued: RegExp;
  #at = 0;

  constructor(lines: readonly string[], escape: string) {
    this.#lines = lines;
    this.#continued = escape === "`" ? /`[ \t]*$/ : /\\[ \t]*$/;
  }

  next(): Instruction | undefined {
    while (this.#at < this.#lines.length && isNothing(this.#lines[this.#at] ?? "")) this.#at += 1;
    if (this.#at >= this.#lines.length) return undefined;
    const line = this.#at + 1;
    const [, keyword = "", rest = ""] = /^(\S+)\s*(.*)$/s.exec(this.#joined().trim()) ?? [];
    if (!KEYWORDS.has(keyword.toUpperCase())) throw refuseDockerfile(line, `has no instruction: "${keyword}"`);
    const instruction = { keyword: keyword.toUpperCase(), rest: rest.trimEnd(), line };
    return { ...instruction, hereDocuments: this.#hereDocuments(instruction) };
  }

  /** Comments and empty lines between the lines of one instruction do not end it. */
  #joined(): string {
    let text = "";
    while (this.#at < this.#lines.length) {
      const line = this.#lines[this.#at++] ?? "";
      if (text !== "" && isNothing(line)) continue;
      if (!this.#continued.test(line)) return text + line;
      text += line.replace(this.#continued, "");
    }
    return text;
  }

  #hereDocuments({ keyword, rest, line }: Omit<Instruction, "hereDocuments">): HereDocument[] {
    if (!WITH_HERE_DOCUMENTS.has(keyword)) return [];
    return [...rest.matchAll(HERE_DOCUMENT)].map(([, dash, quote, delimiter = ""]) => {
      const stripsTabs = dash === "-";
      return { delimiter, stripsTabs, isQuoted: quote !== "", body: this.#bodyUntil(delimiter, stripsTabs, line) };
    });
  }

  #bodyUntil(delimiter: string, stripsTabs: boolean, line: number): string {
    const body: string[] = [];
    for (;;) {
      const next = this.#lines[this.#at++];
      if (next === undefined) throw refuseDockerfile(line, `opens "<<${delimiter}", which nothing closes`);
      const content = stripsTabs ? next.replace(/^\t+/, "") : next;
      if (content === delimiter) return body.map((part) => `${part}\n`).join("");
      body.push(content);
    }
  }
}

const isNothing = (line: string): boolean => line.trim() === "" || COMMENT.test(line);
