import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@dormouse/kernel";
import { EngineImageId, EngineImageState } from "@dormouse/schema";

/** The files of one build; what is not its state or its log goes when it ends. */
export function buildFiles(buildsDir: string, id: EngineImageId) {
  const dir = join(buildsDir, id);
  return {
    dir,
    state: join(dir, "state.json"),
    log: join(dir, "log"),
    archive: join(dir, "context.zip"),
    context: join(dir, "context"),
    bases: join(dir, "bases"),
  } as const;
}

export type BuildFiles = ReturnType<typeof buildFiles>;

/** What is known of every build, on the disk. A folder without a state is of an upload that was cut off. */
export class BuildRecords {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  files(id: EngineImageId): BuildFiles {
    return buildFiles(this.#dir, id);
  }

  /** @throws IMAGE_NOT_FOUND */
  read(id: EngineImageId): EngineImageState {
    const state = this.find(id);
    if (state !== undefined) return state;
    throw new AppError("IMAGE_NOT_FOUND", `Cannot find image "${id}": the engine has none with this id`);
  }

  find(id: EngineImageId): EngineImageState | undefined {
    const { state } = this.files(id);
    return existsSync(state) ? EngineImageState.parse(JSON.parse(readFileSync(state, "utf8"))) : undefined;
  }

  /** @throws IMAGE_ALREADY_EXISTS */
  begin(id: EngineImageId): BuildFiles {
    const files = this.files(id);
    if (existsSync(files.dir)) {
      throw new AppError("IMAGE_ALREADY_EXISTS", `Cannot build image "${id}": it exists already`);
    }
    mkdirSync(files.dir, { mode: 0o711 });
    for (const dir of [files.context, files.bases]) mkdirSync(dir);
    return files;
  }

  write(state: EngineImageState): void {
    const file = this.files(state.id).state;
    writeFileSync(`${file}.new`, JSON.stringify(state));
    renameSync(`${file}.new`, file);
  }

  /** What only a build that runs needs. */
  async removeInput(id: EngineImageId): Promise<void> {
    const { archive, context, bases } = this.files(id);
    await Promise.all([archive, context, bases].map((path) => rm(path, { recursive: true, force: true })));
  }

  remove(id: EngineImageId): Promise<void> {
    return rm(this.files(id).dir, { recursive: true, force: true });
  }

  ids(): EngineImageId[] {
    return readdirSync(this.#dir).flatMap((name) => EngineImageId.safeParse(name).data ?? []);
  }
}
