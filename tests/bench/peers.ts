import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Another reverse proxy, as a child process that forwards everything to one upstream. */
export interface Peer extends AsyncDisposable {
  readonly url: string;
}

export interface PeerOptions {
  /** `address:port`. */
  readonly upstream: string;
  /** Core it runs on. */
  readonly core: number;
  /** Its own folder is made in this one, and goes with it. */
  readonly parentDir: string;
}

const DIES_WITH_US = ["setpriv", "--pdeathsig=TERM", "--"];
const LOOK_AGAIN_MS = 20;
const START_TIMEOUT_MS = 10_000;

/** One worker, as it has one core; as root, because only root and our server may connect to a sandbox. */
export function startNginx(options: PeerOptions): Promise<Peer> {
  return startPeer(options, (dir, port) => {
    const config = `
      daemon off; worker_processes 1; user root; pid ${dir}/pid; error_log ${dir}/error.log;
      events { worker_connections 1024; }
      http {
        access_log off; client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy;
        fastcgi_temp_path ${dir}/fastcgi; uwsgi_temp_path ${dir}/uwsgi; scgi_temp_path ${dir}/scgi;
        upstream app { server ${options.upstream}; keepalive 64; }
        server {
          listen 127.0.0.1:${port};
          keepalive_requests 1000000000;
          location / {
            proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
          }
        }
      }`;
    writeFileSync(join(dir, "nginx.conf"), config);
    return ["nginx", "-c", join(dir, "nginx.conf"), "-e", join(dir, "error.log")];
  });
}

export function startCaddy(options: PeerOptions): Promise<Peer> {
  return startPeer(options, (dir, port) => {
    const global = "{\n admin off\n auto_https off\n log {\n  level ERROR\n }\n}\n";
    const site = `http://127.0.0.1:${port} {\n bind 127.0.0.1\n reverse_proxy ${options.upstream}\n}\n`;
    writeFileSync(join(dir, "Caddyfile"), global + site);
    return ["caddy", "run", "--config", join(dir, "Caddyfile"), "--adapter", "caddyfile"];
  });
}

async function startPeer(
  { core, parentDir }: PeerOptions,
  command: (dir: string, port: number) => string[],
): Promise<Peer> {
  const dir = mkdtempSync(join(parentDir, "peer-"));
  const port = freePort();
  const url = `http://127.0.0.1:${port}/`;
  const child = Bun.spawn([...DIES_WITH_US, "taskset", "-c", String(core), ...command(dir, port)], {
    stdio: ["ignore", "ignore", "ignore"],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: dir, GOMAXPROCS: "1" },
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await child.exited;
  };
  try {
    await untilAnswered(url, child);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, [Symbol.asyncDispose]: stop };
}

function freePort(): number {
  using probe = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  return probe.port;
}

async function untilAnswered(url: string, child: Bun.Subprocess): Promise<void> {
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const isAnswered = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (isAnswered) return;
    if (child.exitCode !== null || performance.now() > deadlineMs)
      throw new Error(`Cannot start a peer: nothing answers at ${url}`);
    await delay(LOOK_AGAIN_MS);
  }
}
