import { cpus } from "node:os";
import type { BenchContext } from "./context.ts";
import { atLeast, atMost, type Figure, ms } from "./figure.ts";
import { busyWhile, type Load, pin, requestsPerSecond } from "./load.ts";
import { startCaddy, startNginx } from "./peers.ts";
import { median, round, timeMs } from "./stats.ts";

const PORT = 3000;
/** The proxy under test has this core to itself; load and upstream share the other one. */
const PROXY_CORE = 0;
const LOAD_CORE = 1;
const TOKEN_HEADER = "x-blaxel-preview-token";

/*
 * The cheapest upstream there is, so that the proxy is what is measured: it answers every chunk that arrives. Nobody here sends
 * two requests in one, or one in two.
 */
const UPSTREAM = `
const answer = "HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\nContent-Length: 2\\r\\n\\r\\nok";
Bun.listen({ hostname: "0.0.0.0", port: ${PORT}, socket: { data: (socket) => socket.write(answer) } });
`;

type Target = Pick<Load, "url" | "headers">;

/** Requests per second through one core, beside two peers that authenticate nobody; and what the gateway adds to one request. */
export async function benchGateway({ dormouse, api, isQuick }: BenchContext): Promise<Figure[]> {
  if (cpus().length < 2) throw new Error("Cannot measure the gateway: it takes two cores");
  await using sandbox = await api.create("gateway");
  await sandbox.write("/tmp/upstream.js", UPSTREAM);
  // The agent is a Bun executable and can run as plain Bun: nothing has to be uploaded.
  const command = `exec taskset -c ${LOAD_CORE} sandbox-api /tmp/upstream.js`;
  await sandbox.exec(command, { name: "upstream", env: { BUN_BE_BUN: "1" }, waitForPorts: [PORT] });
  const upstream = `${await sandbox.address()}:${PORT}`;
  const direct = { url: `http://${upstream}/` };
  const { path, token } = await api.privatePreview(sandbox.name, PORT);
  const preview = { url: `${dormouse.url}${path}`, headers: { [TOKEN_HEADER]: token } };
  const added = await measureAdded(preview, direct, isQuick ? 200 : 1000);

  await using caddy = await startCaddy({ upstream, core: PROXY_CORE });
  await using nginx = await startNginx({ upstream, core: PROXY_CORE });
  await pin(dormouse.pids.server(), String(PROXY_CORE));
  const rates = await measureRates({ dormouse: preview, caddy, nginx, direct }, isQuick ? QUICK_LOAD : FULL_LOAD);
  await pin(dormouse.pids.server(), `0-${cpus().length - 1}`);
  return [rateFigure(rates), added];
}

const QUICK_LOAD = { rounds: 1, durationS: 2 };
const FULL_LOAD = { rounds: 3, durationS: 3 };

interface Rate {
  readonly perSecond: number;
  /** Share of its core that was busy, 0 to 1. */
  readonly busy: number;
}

/** Medians over rounds in which each target has its turn. */
async function measureRates<Name extends string>(
  targets: Readonly<Record<Name, Target>>,
  { rounds, durationS }: { readonly rounds: number; readonly durationS: number },
): Promise<Record<Name, Rate>> {
  const entries = Object.entries<Target>(targets).map(([name, target]) => ({
    name,
    target,
    rates: [] as number[],
    busy: [] as number[],
  }));
  for (let index = 0; index < rounds; index++) {
    for (const {
      target: { url, headers = {} },
      rates,
      busy,
    } of entries) {
      const load = { url, headers, durationS, core: LOAD_CORE };
      busy.push(await busyWhile(PROXY_CORE, async () => rates.push(await requestsPerSecond(load))));
    }
  }
  const results = entries.map(({ name, rates, busy }) => [name, { perSecond: median(rates), busy: median(busy) }]);
  return Object.fromEntries(results) as Record<Name, Rate>;
}

function rateFigure(rates: Readonly<Record<"dormouse" | "caddy" | "nginx" | "direct", Rate>>): Figure {
  const { dormouse, caddy, nginx, direct } = rates;
  const overCaddy = dormouse.perSecond / caddy.perSecond;
  const overNginx = dormouse.perSecond / nginx.perSecond;
  const text = ({ perSecond, busy }: Rate): string => `${Math.round(perSecond)}/s at ${Math.round(busy * 100)} %`;
  return {
    key: "gateway_rps",
    value: {
      dormouse: Math.round(dormouse.perSecond),
      caddy: Math.round(caddy.perSecond),
      nginx: Math.round(nginx.perSecond),
    },
    title: "gateway on one core, private",
    text: `${text(dormouse)} of the core (${round(overCaddy)}× Caddy, ${round(overNginx)}× nginx)`,
    beside: `Caddy ${text(caddy)}, nginx ${text(nginx)}, no proxy ${Math.round(direct.perSecond)}/s`,
    targets: [atLeast(overCaddy, 2, "≥ 2× Caddy"), atLeast(overNginx, 0.7, "≥ 0.7× nginx")],
  };
}

/** Both ways in turn, one request at a time on open connections. */
async function measureAdded(preview: Target, direct: Target, count: number): Promise<Figure> {
  const samples = { through: [] as number[], direct: [] as number[] };
  const get = ({ url, headers = {} }: Target): Promise<number> =>
    timeMs(async () => (await fetch(url, { headers })).text());
  for (let index = 0; index < count; index++) {
    samples.direct.push(await get(direct));
    samples.through.push(await get(preview));
  }
  const addedMs = median(samples.through) - median(samples.direct);
  return {
    key: "gateway_added_ms",
    value: { p50: round(addedMs), floor_p50: round(median(samples.direct)) },
    title: "added by the gateway",
    text: `p50 ${ms(addedMs)}`,
    beside: `floor ${ms(median(samples.direct))} (the same GET without gateway)`,
    targets: [atMost(addedMs, 0.3, "p50 ≤ 0.3 ms")],
  };
}
