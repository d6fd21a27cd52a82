import { existsSync } from "node:fs";
import { join } from "node:path";
import type { SandboxApiConfig } from "./config.ts";
import type { Mcp } from "./mcp/routes.ts";
import type { ProcessTable } from "./processes/process-table.ts";
import type { Feature } from "./router.ts";

/** Not while a sandbox starts. */
const LEFTOVERS_AFTER_MS = 1000;

export interface FeatureDeps {
  readonly config: SandboxApiConfig;
  readonly processes: ProcessTable;
  /** Folder of this run of the agent. */
  readonly logDirectory: string;
  /** What ends with the agent. */
  readonly resources: AsyncDisposableStack;
  readonly onUnexpectedError: (error: unknown) => void;
}

export interface Features {
  readonly all: readonly Feature[];
  /** Of the sandbox's MCP server, for connections at `/`. */
  loadMcp(): Promise<Mcp>;
}

/** Everything but processes and files, which nearly every sandbox uses: loaded at its first request. */
export function createFeatures({ config, processes, logDirectory, resources, ...rest }: FeatureDeps): Features {
  const loadEdits = once(async () => new (await import("./codegen/edit-history.ts")).EditHistory());
  const loadMcp = once(async () => {
    const { createMcp } = await import("./mcp/routes.ts");
    return createMcp({ config, processes, edits: await loadEdits(), ...rest });
  });
  const loadUploads = once(async () => (await import("./uploads/routes.ts")).uploadRoutes(config, logDirectory));
  // Uploads of an earlier run may be long abandoned, and loading them removes those.
  if (existsSync(join(config.logDirectory, "uploads")))
    setTimeout(() => void loadUploads(), LEFTOVERS_AFTER_MS).unref();
  const all: Feature[] = [
    { prefixes: ["/mcp"], load: async () => (await loadMcp()).routes },
    {
      prefixes: ["/filesystem-find", "/filesystem-search", "/filesystem-content-search"],
      load: async () => (await import("./search/routes.ts")).searchRoutes(config),
    },
    {
      prefixes: ["/terminal"],
      load: async () => {
        const { TerminalTable } = await import("./terminal/terminal-table.ts");
        const { terminalRoutes } = await import("./terminal/routes.ts");
        return terminalRoutes(config, resources.use(new TerminalTable(config)));
      },
    },
    { prefixes: ["/watch/"], load: async () => (await import("./watch/routes.ts")).watchRoutes(config) },
    { prefixes: ["/filesystem-multipart"], load: loadUploads },
    {
      prefixes: ["/codegen/"],
      load: async () => (await import("./codegen/routes.ts")).codegenRoutes(config, await loadEdits()),
    },
    {
      prefixes: ["/network/"],
      load: async () => resources.use((await import("./network/routes.ts")).createNetwork(processes)).routes,
    },
    { prefixes: ["/drives/"], load: async () => (await import("./drives/routes.ts")).driveRoutes() },
    {
      prefixes: ["/environment/"],
      load: async () =>
        (await import("./environment/routes.ts")).environmentRoutes(config.environment, config.environmentDocumentPath),
    },
  ];
  return { all, loadMcp };
}

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => (loaded ??= load());
}
