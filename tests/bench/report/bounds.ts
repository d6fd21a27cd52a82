/** What keeps each figure from being better, by its key; decisions have the profiles. */
export const BOUNDS: Readonly<Record<string, string>> = {
  idle_rss_mib: "Two Bun processes; most of it is the runtime's own code, which the kernel shares between them.",
  agent_start_ms:
    "The runtime's start. The agent's features load with their first request ([0008](decisions/0008-features-of-the-agent-load-late.md)).",
  agent_rss_mib: "The runtime; anonymous memory is what each sandbox pays, the rest is shared.",
  create_cold_ms:
    "Starting an OCI container and the agent in it, the floor beside it; ours is the root, the network slot, records and two HTTP calls.",
  create_warm_ms:
    "The first `exec` in a sandbox that has never run one, and the change of limits, name and environment of one that was kept ready ([0020](decisions/0020-admission.md)).",
  delete_ms: "The kernel ends the processes and their namespaces; files are erased before the answer.",
  exec_warm_ms: "A process is started and waited for; beside it the same on the host.",
  exec_rate_per_s: "Two cores: client, server, agent and the programs share them.",
  write_tree_1000_ms: "The disk and the file system.",
  upload_1gib_mib_s: "One copy more than `cp`: from the socket, through the gateway and the agent, to the disk.",
  download_1gib_mib_s: "As the upload, the other way.",
  watch_event_ms: "inotify, and one way through agent and gateway.",
  gateway_rps: "`Bun.serve` and `fetch` ([0006](decisions/0006-forwarding-stays-on-fetch.md)).",
  gateway_added_ms: "Two more sockets and a second thread between client and app.",
  first_visit_ms: "Two requests: the redirect that takes the token out of the address, and the page.",
  websocket_echo_ms: "Two more sockets between client and app.",
  idle_sockets_10000: "Two sockets and their objects each.",
  api_get_rps: "One core: routing, the key, one row, JSON.",
  api_list_rps: "One core: 50 rows and their JSON, about 30 KiB an answer.",
  burst_100: "Two cores; four starts a core at once ([0020](decisions/0020-admission.md)).",
  server_start_10000_ms: "Reading all records once.",
  image_store_dedup_ratio: "What images have in common ([0022](decisions/0022-image-store.md)); whole layers only.",
  image_build_cached_s:
    "Starting the box, and buildah reading the context and its cache ([0023](decisions/0023-image-builds.md)).",
  create_from_fresh_image_ms: "As any create; layers are shown once for each image.",
  after_rss_mib: "Connections, caches and what the garbage collectors have not returned yet.",
  real_work_ratio:
    "The overlay file system and the system call filter; the same programs, cache and disk on both sides.",
  podman_ms:
    "podman is a new process for each command, with its own store, lock and monitor; ours are two HTTP calls to what runs already.",
  wake_resident_ms:
    "Eight hand-overs between threads that were idle ([0029](decisions/0029-where-a-wake-spends-its-time.md)).",
  cycles_10000: "Not a speed: every first call after a sleep is answered, and memory and open files are as they were.",
  kill9: "Start of a process, and taking up what was there ([0019](decisions/0019-what-survives.md)).",
  sleep_bytes_shell:
    "Kernel objects of processes and namespaces, and the agent's compressed memory ([0018](decisions/0018-deep-sleep.md)).",
  sleep_bytes_node: "What a wake needs stays in RAM, up to 6 MiB ([0018](decisions/0018-deep-sleep.md)).",
  wake_paged_ms: "Page faults: each page that is needed is decompressed ([0018](decisions/0018-deep-sleep.md)).",
  working_set_64mib_ms:
    "16,384 page faults; the engine reads ahead on the other core ([0031](decisions/0031-the-memory-limit-and-reading-ahead.md)).",
  density_1000:
    "Memory of the machine; page cache of programs is in the figure as far as the kernel does not count it as available.",
  wake_after_hour_ratio: "The same page faults, and programs' files that are no longer cached and come from the disk.",
};
