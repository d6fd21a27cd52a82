import type { FileOperation } from "@dormouse/schema";

export const IN_MODIFY = 0x2;
export const IN_ATTRIB = 0x4;
export const IN_MOVED_FROM = 0x40;
export const IN_MOVED_TO = 0x80;
export const IN_CREATE = 0x100;
export const IN_DELETE = 0x200;
export const IN_DELETE_SELF = 0x400;
export const IN_MOVE_SELF = 0x800;
export const IN_UNMOUNT = 0x2000;
export const IN_Q_OVERFLOW = 0x4000;
export const IN_IGNORED = 0x8000;
export const IN_ISDIR = 0x40000000;

/** What is asked of each directory: all that is reported. */
export const WATCHED =
  IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;

/** As inotify(7) tells it. */
export interface InotifyEvent {
  /** -1 when it concerns all watches. */
  readonly watchNumber: number;
  readonly mask: number;
  /** Byte string; empty when the event is about the watched directory itself. */
  readonly name: string;
}

const HEADER_BYTES = 16;

/** All events in what one read gave: the kernel gives whole ones only. */
export function* parseEvents(bytes: Uint8Array): Generator<InotifyEvent> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset + HEADER_BYTES <= buffer.length;) {
    const nameAt = offset + HEADER_BYTES;
    const nextAt = nameAt + buffer.readUInt32LE(offset + 12);
    // The name is padded with NULs.
    const nameEnd = nextAt === nameAt ? nameAt : buffer.indexOf(0, nameAt);
    const name = buffer.toString("latin1", nameAt, nameEnd);
    yield { watchNumber: buffer.readInt32LE(offset), mask: buffer.readUInt32LE(offset + 4), name };
    offset = nextAt;
  }
}

const OPERATIONS: readonly (readonly [mask: number, operation: FileOperation])[] = [
  [IN_CREATE | IN_MOVED_TO, "CREATE"],
  [IN_MODIFY, "WRITE"],
  [IN_DELETE | IN_DELETE_SELF, "REMOVE"],
  [IN_MOVED_FROM | IN_MOVE_SELF, "RENAME"],
  [IN_ATTRIB, "CHMOD"],
];

/** The operations of an event joined with `|`; empty for events that report none. */
export function operationsOf(mask: number): string {
  const operations = OPERATIONS.filter(([bits]) => (mask & bits) !== 0);
  return operations.map(([, operation]) => operation).join("|");
}
