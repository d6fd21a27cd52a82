import { readdirSync } from "node:fs";
import type { Metric } from "./exposition.ts";

const startedAtS = Date.now() / 1000 - process.uptime();

/** The server's own process, under the names every Prometheus dashboard knows. */
export function processMetrics(): Metric[] {
  const { user, system } = process.cpuUsage();
  return [
    counter("process_cpu_seconds_total", "CPU time of the server, user and system.", (user + system) / 1_000_000),
    gauge("process_resident_memory_bytes", "Memory of the server that is in RAM.", process.memoryUsage.rss()),
    gauge("process_open_fds", "Open file descriptors of the server.", readdirSync("/proc/self/fd").length),
    gauge("process_start_time_seconds", "When the server started, since 1970.", startedAtS),
  ];
}

export function gauge(name: string, help: string, value: number): Metric {
  return { name, help, type: "gauge", series: [{ value }] };
}

export function counter(name: string, help: string, value: number): Metric {
  return { name, help, type: "counter", series: [{ value }] };
}
