import { type HereDocument, type Instruction, readDockerfileLines, refuseDockerfile } from "./dockerfile-lines.ts";
import { expandVariables, unquote, type Variables } from "./variables.ts";

/** A part of an instruction: text, or the name of an image that is not made by this Dockerfile. */
type Part = string | { readonly image: string };

interface Step {
  readonly keyword: string;
  readonly parts: readonly Part[];
  readonly hereDocuments: readonly HereDocument[];
  /** What runs commands in shell form here; undefined for the default one. */
  readonly shell: string | undefined;
}

export interface Dockerfile {
  readonly escape: string;
  readonly steps: readonly Step[];
  /** Every image it needs from elsewhere, as it is written there with variables replaced; each once. */
  readonly images: readonly string[];
}

/** Variables every Dockerfile has. */
const MACHINE = { arm64: "arm64", x64: "amd64" }[process.arch as "arm64" | "x64"];
const PLATFORM: Variables = {
  BUILDPLATFORM: `linux/${MACHINE}`,
  TARGETPLATFORM: `linux/${MACHINE}`,
  BUILDOS: "linux",
  TARGETOS: "linux",
  BUILDARCH: MACHINE,
  TARGETARCH: MACHINE,
};

const FROM = /^(?:--platform=(\S+)\s+)?(\S+)(?:\s+AS\s+(\S+))?$/i;
const COPY_FROM = /^((?:--\S+\s+)*?--from=)(\S+)(.*)$/is;
const FLAGS = /^(?:--\S+\s+)*/;
const EMPTY_IMAGE = "scratch";

/**
 * What a Dockerfile builds on. `buildArgs` are those given from outside; of them only the ones it declares count.
 * @throws BUILD_FAILED naming the line
 */
export function parseDockerfile(text: string, buildArgs: Variables): Dockerfile {
  const { escape, instructions } = readDockerfileLines(text);
  const reading = new Reading(buildArgs);
  const steps = instructions.map((instruction) => reading.step(instruction));
  if (reading.stageCount === 0)
    throw refuseDockerfile(1, "has no FROM", "A Dockerfile begins with the image it builds on");
  const images = steps.flatMap(({ parts }) => parts.flatMap((part) => (typeof part === "string" ? [] : [part.image])));
  return { escape, steps, images: [...new Set(images)] };
}

class Reading {
  readonly #buildArgs: Variables;
  readonly #stages: string[] = [];
  /** Declared before the first FROM: what FROM may use. */
  #globals: Variables = PLATFORM;
  #locals: Variables = {};
  #shell: string | undefined;

  constructor(buildArgs: Variables) {
    this.#buildArgs = buildArgs;
  }

  get stageCount(): number {
    return this.#stages.length;
  }

  step(instruction: Instruction): Step {
    const { keyword, hereDocuments, line } = instruction;
    if (hereDocuments.length > 0 && keyword !== "RUN") {
      const hint = "Put the file into the build context, or write it with RUN";
      throw refuseDockerfile(line, `has a here-document in ${keyword}, which cannot be built here`, hint);
    }
    const parts = this.#parts(instruction);
    return { keyword, parts, hereDocuments, shell: this.#shell };
  }

  #parts(instruction: Instruction): Part[] {
    const { keyword, rest, line } = instruction;
    if (keyword === "FROM") return this.#from(instruction);
    if (keyword === "ARG") return this.#arg(rest);
    if (this.stageCount === 0) throw refuseDockerfile(line, `has ${keyword} before the first FROM`);
    if (keyword === "SHELL") this.#shell = rest;
    if (keyword === "COPY") return this.#copy(rest);
    return keyword === "RUN" ? this.#run(rest) : [rest];
  }

  #from({ rest, line }: Instruction): Part[] {
    const [, platform, word, name] = FROM.exec(rest) ?? [];
    if (word === undefined)
      throw refuseDockerfile(line, `is no FROM: "${rest}"`, 'Write "FROM image" or "FROM image AS name"');
    this.#assertPlatform(platform, line);
    const image = expandVariables(unquote(word), this.#globals);
    if (image === "")
      throw refuseDockerfile(line, `names no image: "${word}" is empty`, "Give the ARG a default, or a build argument");
    const source = this.#isStage(image) || image === EMPTY_IMAGE ? image : { image };
    this.#stages.push((name ?? "").toLowerCase());
    [this.#locals, this.#shell] = [{}, undefined];
    return [source, name === undefined ? "" : ` AS ${name}`];
  }

  #assertPlatform(platform: string | undefined, line: number): void {
    const wanted = expandVariables(unquote(platform ?? PLATFORM["TARGETPLATFORM"] ?? ""), this.#globals);
    if (wanted.split("/").slice(0, 2).join("/") === PLATFORM["TARGETPLATFORM"]) return;
    throw refuseDockerfile(
      line,
      `asks for platform "${wanted}": this machine builds for ${PLATFORM["TARGETPLATFORM"]}`,
    );
  }

  #arg(rest: string): Part[] {
    const declared = Object.fromEntries(words(rest).map((word) => this.#declare(word)));
    if (this.stageCount === 0) this.#globals = { ...this.#globals, ...declared };
    else this.#locals = { ...this.#locals, ...declared };
    return [rest];
  }

  #declare(word: string): [string, string] {
    const [name = "", ...value] = word.split("=");
    const scope = { ...this.#globals, ...this.#locals };
    const fallback = value.length > 0 ? expandVariables(unquote(value.join("=")), scope) : (this.#globals[name] ?? "");
    return [name, this.#buildArgs[name] ?? fallback];
  }

  #copy(rest: string): Part[] {
    const [, before, source, after] = COPY_FROM.exec(rest) ?? [];
    return source === undefined ? [rest] : [before ?? "", this.#source(source), after ?? ""];
  }

  #run(rest: string): Part[] {
    const [flags = ""] = FLAGS.exec(rest) ?? [];
    const fields = flags.split(/(?<=[\s,])/).flatMap((field) => this.#mountField(field));
    return [...fields, rest.slice(flags.length)];
  }

  #mountField(field: string): Part[] {
    const [, key, word, end] = /^((?:--mount=)?from=)([^\s,]+)([\s,]*)$/.exec(field) ?? [];
    return word === undefined ? [field] : [key ?? "", this.#source(word), end ?? ""];
  }

  #source(word: string): Part {
    const image = expandVariables(unquote(word), { ...this.#globals, ...this.#locals });
    const isIndex = /^\d+$/.test(image) && Number(image) < this.stageCount;
    return isIndex || this.#isStage(image) || image === EMPTY_IMAGE ? image : { image };
  }

  #isStage(name: string): boolean {
    return name !== "" && this.#stages.includes(name.toLowerCase());
  }
}

/** Split at spaces outside of quotes. */
const words = (text: string): string[] => text.match(/(?:[^\s"']|"[^"]*"|'[^']*')+/g) ?? [];

/**
 * The same Dockerfile with its images called as `rename` says, and without what buildah of Debian 12 does not know: RUN with
 * here-documents becomes the exec form.
 */
export function renderDockerfile({ escape, steps }: Dockerfile, rename: (image: string) => string): string {
  const lines = steps.map((step) => {
    const rest = step.parts.map((part) => (typeof part === "string" ? part : rename(part.image))).join("");
    return `${step.keyword} ${step.hereDocuments.length === 0 ? rest : withoutHereDocuments(step, rest)}\n`;
  });
  return `# escape=${escape}\n${lines.join("")}`;
}

function withoutHereDocuments({ hereDocuments, shell }: Step, rest: string): string {
  const [flags = ""] = FLAGS.exec(rest) ?? [];
  const command = rest.slice(flags.length).trim();
  const [first] = hereDocuments;
  const isScript = first !== undefined && hereDocuments.length === 1 && /^<<-?\s*(["']?)\w+\1$/.test(command);
  const script = isScript ? asScript(first.body) : [command, ...hereDocuments.map(asWritten)].join("\n");
  const runner = (shell === undefined ? ["/bin/sh", "-c"] : JSON.parse(shell)) as string[];
  return `${flags}${JSON.stringify([...runner, script])}`;
}

const asWritten = ({ body, delimiter }: HereDocument): string => `${body}${delimiter}`;

/** One that names its interpreter is run by it. */
function asScript(body: string): string {
  if (!body.startsWith("#!")) return body;
  const end = "DORMOUSE_END_OF_SCRIPT";
  return `f=$(mktemp) && cat > "$f" <<'${end}' && chmod 700 "$f" && "$f"; s=$?; rm -f "$f"; exit $s\n${body}${end}`;
}
