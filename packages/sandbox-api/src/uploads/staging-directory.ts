import { AppError } from "@dormouse/kernel";
import { closeSync, constants, fstatSync, mkdirSync, openSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { hasErrorCode } from "../http.ts";

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } = constants;

/** A staging directory and what tells it from another one put in its place. */
export interface StagingPlace {
  readonly path: string;
  readonly device: number;
  readonly inode: number;
}

/**
 * The hidden directory that holds the bytes of one upload. While it is open its files are reached through its descriptor, so
 * nobody who may write to the directory around it can make the agent touch files of theirs or of others.
 */
export class StagingDirectory implements Disposable {
  readonly place: StagingPlace;
  readonly #fd: number;

  private constructor(path: string) {
    this.#fd = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    const { dev, ino } = fstatSync(this.#fd);
    this.place = { path, device: dev, inode: ino };
  }

  /** Makes the directory for what will be `destination`, on the same filesystem: in the nearest of its parents that exists. */
  static create(destination: string, uploadId: string): StagingDirectory {
    for (let parent = dirname(destination); ; parent = dirname(parent)) {
      const path = stagingPath(parent, uploadId);
      try {
        mkdirSync(path, { mode: 0o700 });
        return new StagingDirectory(path);
      } catch (error) {
        if (hasErrorCode(error, "ENOENT") && parent !== "/") continue;
        throw error instanceof Error ? Object.assign(error, { path: destination }) : error;
      }
    }
  }

  /** @throws {AppError} UPLOAD_INVALID when it is gone or another one. */
  static open(place: StagingPlace): StagingDirectory {
    let opened: StagingDirectory;
    try {
      opened = new StagingDirectory(place.path);
    } catch (cause) {
      throw new AppError("UPLOAD_INVALID", `Cannot use "${place.path}": the upload's parts are gone`, { cause });
    }
    if (opened.place.device === place.device && opened.place.inode === place.inode) return opened;
    opened[Symbol.dispose]();
    throw new AppError("UPLOAD_INVALID", `Cannot use "${place.path}": it is not the upload's directory`);
  }

  /** Path of a file in here that holds while this is open. */
  pathOf(name: string): string {
    return `/proc/self/fd/${this.#fd}/${name}`;
  }

  /** Opens a file in here for reading and writing; the caller closes it. */
  openFile(name: string): number {
    return openSync(this.pathOf(name), O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
  }

  openNewFile(name: string): number {
    return openSync(this.pathOf(name), O_RDWR | O_CREAT | O_EXCL, 0o600);
  }

  /** Removes a file in here, where there is one. */
  remove(name: string): void {
    rmSync(this.pathOf(name), { force: true });
  }

  /** Removes the directory with the files in it. */
  removeAll(): void {
    for (const name of readdirSync(this.pathOf("."))) this.remove(name);
    rmdirSync(this.place.path);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

/** Nobody can guess it, and two uploads to one destination do not meet. */
export const stagingPath = (parent: string, uploadId: string): string => join(parent, `.dormouse-upload-${uploadId}`);
