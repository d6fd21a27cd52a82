import sharedEntrypoint from "../../templates/shared/entrypoint.sh.template" with { type: "text" };
import sharedMakefile from "../../templates/shared/Makefile.template" with { type: "text" };
import sharedProjectFile from "../../templates/shared/blaxel.toml.template" with { type: "text" };
import sharedReadme from "../../templates/shared/README.md.template" with { type: "text" };
import nextConfig from "../../templates/nextjs/next.config.ts.template" with { type: "text" };
import nextDockerfile from "../../templates/nextjs/Dockerfile.template" with { type: "text" };
import nodeDockerfile from "../../templates/node/Dockerfile.template" with { type: "text" };
import nodePackage from "../../templates/node/package.json.template" with { type: "text" };
import nodeServer from "../../templates/node/server.ts.template" with { type: "text" };
import nodeTypes from "../../templates/node/tsconfig.json.template" with { type: "text" };
import pythonDockerfile from "../../templates/python/Dockerfile.template" with { type: "text" };
import pythonMain from "../../templates/python/main.py.template" with { type: "text" };
import pythonRequirements from "../../templates/python/requirements.txt.template" with { type: "text" };
import scratchDockerfile from "../../templates/scratch/Dockerfile.template" with { type: "text" };
import scratchEntrypoint from "../../templates/scratch/entrypoint.sh.template" with { type: "text" };
import volumeFiles from "../../templates/volume-template/files-readme.template" with { type: "text" };
import volumeProjectFile from "../../templates/volume-template/blaxel.toml.template" with { type: "text" };
import volumeReadme from "../../templates/volume-template/README.md.template" with { type: "text" };
import type { ProjectType } from "./project-type.ts";

/** A project `bl new` can write. */
export interface ProjectTemplate {
  readonly name: string;
  readonly type: ProjectType;
  readonly language: string;
  readonly description: string;
  /** Path to content, with `{{name}}` and the template's own words in it. */
  readonly files: Readonly<Record<string, string>>;
  readonly words: Readonly<Record<string, string>>;
}

interface SandboxTemplate {
  readonly name: string;
  readonly language: string;
  readonly description: string;
  /** What the entrypoint starts through the API. */
  readonly command?: string;
  /** Where that listens. */
  readonly port?: number;
  readonly env: string;
  readonly files: Readonly<Record<string, string>>;
}

const SANDBOX_FILES = {
  "entrypoint.sh": sharedEntrypoint,
  "blaxel.toml": sharedProjectFile,
  Makefile: sharedMakefile,
  "README.md": sharedReadme,
};

/** The first of a type is its default. */
export const TEMPLATES: readonly ProjectTemplate[] = [
  sandboxTemplate({
    name: "node",
    language: "typescript",
    description: "Node.js with TypeScript, and a server that starts with the sandbox",
    command: "npm run dev",
    port: 3000,
    env: 'NODE_ENV = "development"',
    files: {
      Dockerfile: nodeDockerfile,
      "app/package.json": nodePackage,
      "app/server.ts": nodeServer,
      "app/tsconfig.json": nodeTypes,
    },
  }),
  sandboxTemplate({
    name: "python",
    language: "python",
    description: "Python, and a server that starts with the sandbox",
    command: "python main.py",
    port: 8000,
    env: 'PYTHON_ENV = "development"',
    files: {
      Dockerfile: pythonDockerfile,
      "app/main.py": pythonMain,
      "app/requirements.txt": pythonRequirements,
    },
  }),
  sandboxTemplate({
    name: "nextjs",
    language: "typescript",
    description: "A Next.js app, its development server running",
    command: "npm run dev -- --hostname 0.0.0.0",
    port: 3000,
    env: 'NODE_ENV = "development"',
    files: { Dockerfile: nextDockerfile, "next.config.ts": nextConfig },
  }),
  sandboxTemplate({
    name: "scratch",
    language: "any",
    description: "Debian and the sandbox API, nothing else",
    env: 'LANG = "C.UTF-8"',
    files: { Dockerfile: scratchDockerfile, "entrypoint.sh": scratchEntrypoint },
  }),
  {
    name: "volume-template",
    type: "volume-template",
    language: "any",
    description: "A folder that new volumes begin with",
    files: { "blaxel.toml": volumeProjectFile, "README.md": volumeReadme, "files/README.txt": volumeFiles },
    words: {},
  },
];

function sandboxTemplate(template: SandboxTemplate): ProjectTemplate {
  const { name, language, description, command = "", port, env, files } = template;
  const ports = port === undefined ? "" : `\n[[runtime.ports]]\nname = "app"\ntarget = ${port}\nprotocol = "tcp"\n`;
  const publish = port === undefined ? "" : ` --publish 127.0.0.1:${port}:${port}`;
  const forwarded = port === undefined ? "" : ` ${port}`;
  return {
    name,
    type: "sandbox",
    language,
    description,
    files: { ...SANDBOX_FILES, ...files },
    words: { description, command, ports, publish, forwarded, env },
  };
}

/** What to write for a project called `name`. */
export function renderTemplate(template: ProjectTemplate, name: string): Record<string, string> {
  const words: Readonly<Record<string, string>> = { ...template.words, name };
  const fill = (text: string): string =>
    text.replace(/\{\{(\w+)\}\}/g, (placeholder, word: string) => words[word] ?? placeholder);
  return Object.fromEntries(Object.entries(template.files).map(([path, text]) => [path, fill(text)]));
}
