import type * as Ffi from "bun:ffi";

/** The runtime's foreign function interface, loaded on use: hardly any agent needs it, and loading it costs start time. */
export const loadFfi = (): typeof Ffi => process.getBuiltinModule("bun:ffi") as typeof Ffi;
