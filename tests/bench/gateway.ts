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
/** `direct` is the load alone, without a proxy. */
type ProxyName = "dormouse" | "caddy" | "nginx" | "direct";

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

  const peerOptions = { upstream, core: PROXY_CORE, parentDir: dormouse.dataDir };
  await using caddy = await startCaddy(peerOptions);
  await using nginx = await startNginx(peerOptions);
  await pin(dormouse.pids.server(), String(PROXY_CORE));
  const rates = await measureRates({ dormouse: preview, caddy, nginx, direct }, isQuick ? QUICK_LOAD : FULL_LOAD);
  await pin(dormouse.pids.server(), `0-${cpus().length - 1}`);
  return [rateFigure(rates), added];
}

const QUICK_LOAD = { rounds: 1, durationS: 1 };
const FULL_LOAD = { rounds: 4, durationS: 2 };

interface Rate {
  readonly perSecond: number;
  /** Share of its core that was busy, 0 to 1. */
  readonly busy: number;
}

/** Medians over rounds in which each target has its turn, after one round that warms them up. */
async function measureRates(
  targets: Readonly<Record<ProxyName, Target>>,
  { rounds, durationS }: { readonly rounds: number; readonly durationS: number },
): Promise<Record<ProxyName, Rate>> {
  const measured = Object.entries(targets).map(([name, target]) => ({ name, target, rates: [] as Rate[] }));
  for (const { target } of measured) await measureRate(target, durationS);
  for (let round = 0; round < rounds; round++) {
    for (const { target, rates } of measured) rates.push(await measureRate(target, durationS));
  }
  const medians = measured.map(({ name, rates }) => {
    const perSecond = median(rates.map((rate) => rate.perSecond));
    return [name, { perSecond, busy: median(rates.map((rate) => rate.busy)) }];
  });
  return Object.fromEntries(medians) as Record<ProxyName, Rate>;
}

async function measureRate({ url, headers = {} }: Target, durationS: number): Promise<Rate> {
  let perSecond = 0;
  const busy = await busyWhile(PROXY_CORE, async () => {
    perSecond = await requestsPerSecond({ url, headers, durationS, core: LOAD_CORE });
  });
  return { perSecond, busy };
}

function rateFigure(rates: Readonly<Record<ProxyName, Rate>>): Figure {
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
