import { dlopen, FFIType } from "bun:ffi";
import { readdirSync, readlinkSync } from "node:fs";

/* Numbers of every Linux on x86-64 and ARM64: asm-generic/socket.h, linux/tcp.h. */
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const SO_ACCEPTCONN = 30;
const IPPROTO_TCP = 6;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_USER_TIMEOUT = 18;

/** Probes within the time that a silent client has. */
const PROBE_COUNT = 4;

/**
 * From now on, connections to this process end when their client has not acknowledged anything for `timeoutMs`: one that
 * vanished without a word, or does not read what is sent. An idle one that is there answers the kernel's probes. Bun has no
 * option for that, but on Linux accepted sockets have the options of the one that listens. To be called when a port was opened.
 */
export function endVanishedClients(timeoutMs: number): void {
  const libc = dlopen("libc.so.6", {
    getsockopt: { args: ["i32", "i32", "i32", FFIType.ptr, FFIType.ptr], returns: "i32" },
    setsockopt: { args: ["i32", "i32", "i32", FFIType.ptr, "u32"], returns: "i32" },
  });
  const { getsockopt, setsockopt } = libc.symbols;
  const isListening = (fd: number): boolean => {
    const value = new Int32Array(1);
    const length = new Uint32Array([value.byteLength]);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, value, length) === 0 && value[0] === 1;
  };
  const set = (fd: number, level: number, option: number, value: number): number =>
    setsockopt(fd, level, option, new Int32Array([value]), Int32Array.BYTES_PER_ELEMENT);
  const probeIntervalS = Math.max(1, Math.floor(timeoutMs / 1000 / PROBE_COUNT));
  for (const fd of socketFds().filter(isListening)) {
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, probeIntervalS);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, probeIntervalS);
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, timeoutMs);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  }
  libc.close();
}

function socketFds(): number[] {
  return readdirSync("/proc/self/fd")
    .map(Number)
    .filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith("socket:");
      } catch {
        // The one the list itself was read through.
        return false;
      }
    });
}
