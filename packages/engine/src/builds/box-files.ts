import { chownSync, existsSync, mkdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { HostIds } from "../ids/host-ids.ts";
import type { DiffId } from "../images/store.ts";
import { detachMount, type IdmappedMount, mountIdmapped } from "../syscalls.ts";
import { MAPPED_ROOT_ID } from "../user-namespace.ts";

/** What a box is made of, in a folder of the engine's run-time files that root inside can reach. */
export function boxFiles(runDir: string) {
  const [storage, mappedStorage] = [join(runDir, "storage"), join(runDir, "mapped-storage")];
  return {
    runDir,
    config: join(runDir, "config.json"),
    /** Its root folder: mount points and a few files of /etc. */
    root: join(runDir, "root"),
    /** The Dockerfile and the secrets; the next two show in it. */
    input: join(runDir, "input"),
    context: join(runDir, "context"),
    bases: join(runDir, "bases"),
    /** File system of the cache, of the build's temporary files and of the image it makes. */
    storage,
    /** The same, as it shows in the box. */
    mappedStorage,
    scratch: join(mappedStorage, "tmp"),
    imageId: join(storage, "out/image-id"),
    layout: join(storage, "out/layout"),
  } as const;
}

export type BoxFiles = ReturnType<typeof boxFiles>;

export interface BoxInput {
  /** The context and the images it builds on, on the disk. */
  readonly contextDir: string;
  readonly basesDir: string;
  readonly dockerfile: string;
  /** By their ids. */
  readonly secrets: Readonly<Record<string, string>>;
  /** buildah's ids of images the engine has from earlier builds. */
  readonly knownImages: readonly string[];
  /** Content of their layers, which buildah then does not write out again. */
  readonly diffIds: ReadonlySet<DiffId>;
}

const MOUNT_POINTS = ["dev", "etc", "input", "proc", "root", "run", "storage", "sys", "tmp", "usr", "var/tmp"];
/** The layout of Debian and of every distribution with a merged /usr. */
const LINKS = ["bin", "lib", "lib64", "sbin"];
const ETC_FILES = {
  passwd: "root:x:0:0:root:/root:/bin/sh\n",
  group: "root:x:0:\n",
  hosts: "127.0.0.1 localhost\n::1 localhost\n",
  hostname: "build\n",
  "resolv.conf": "",
  "containers/registries.conf": "",
  /* Nothing is pulled in there, and what is given was verified. */
  "containers/policy.json": '{"default":[{"type":"insecureAcceptAnything"}]}\n',
  "containers/storage.conf":
    '[storage]\ndriver = "overlay"\nrunroot = "/run/containers"\ngraphroot = "/storage/graph"\n',
};

/** Makes all but the storage, for a box that has these ids. */
export function prepareBoxFiles(files: BoxFiles, input: BoxInput, ids: HostIds): void {
  for (const dir of MOUNT_POINTS) mkdirSync(join(files.root, dir), { recursive: true });
  for (const name of LINKS) symlinkSync(`usr/${name}`, join(files.root, name));
  mkdirSync(join(files.root, "etc/containers"));
  for (const [name, text] of Object.entries(ETC_FILES)) writeFileSync(join(files.root, "etc", name), text);
  for (const dir of ["context", "bases", "secrets"]) mkdirSync(join(files.input, dir), { recursive: true });
  writeFileSync(join(files.input, "Dockerfile"), input.dockerfile);
  writeFileSync(join(files.input, "known-images"), input.knownImages.map((image) => `${image}\n`).join(""));
  for (const [name, value] of Object.entries(input.secrets)) {
    const file = join(files.input, "secrets", name);
    writeFileSync(file, value, { mode: 0o400 });
    chownSync(file, ids.root, ids.root);
  }
  markLayers(files.layout, input.diffIds);
  const userNamespaceFd = ids.diskNamespaceFd;
  show({ source: input.contextDir, target: files.context, userNamespaceFd });
  show({ source: input.basesDir, target: files.bases, userNamespaceFd });
  show({ source: files.storage, target: files.mappedStorage, userNamespaceFd, isWritable: true });
}

/** Takes all but the storage away. */
export function removeBoxFiles({ context, bases, mappedStorage, root, input, config }: BoxFiles): void {
  for (const dir of [context, bases, mappedStorage].filter((shown) => existsSync(shown))) {
    detachMount(dir);
    rmdirSync(dir);
  }
  for (const path of [root, input, config]) rmSync(path, { recursive: true, force: true });
}

/** To buildah a file of a layer's name is that layer, whatever is in it. */
function markLayers(layoutDir: string, diffIds: ReadonlySet<DiffId>): void {
  const folders = ["", "blobs", "blobs/sha256"].map((folder) => join(layoutDir, folder));
  const marks = [...diffIds].map((diffId) => join(layoutDir, "blobs", diffId.replace(":", "/")));
  for (const folder of folders) mkdirSync(folder);
  for (const file of marks) writeFileSync(file, "");
  for (const path of [...folders, ...marks]) chownSync(path, MAPPED_ROOT_ID, MAPPED_ROOT_ID);
}

function show(mount: IdmappedMount): void {
  mkdirSync(mount.target, { recursive: true });
  mountIdmapped(mount);
}
