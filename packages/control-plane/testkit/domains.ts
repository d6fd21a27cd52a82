import { WorkspaceName, type CustomDomainAnswer } from "@dormouse/schema";
import { issueApiKey } from "../src/index.ts";
import { as } from "./accounts.ts";
import { addWorkspace, startServer, WORKSPACE, type Answer, type TestServer } from "./server.ts";

type Headers = Record<string, string>;

export const addDomain = (server: TestServer, name: string, headers: Headers = {}): Promise<Answer> =>
  server.call("POST", "/customdomains", { metadata: { name } }, headers);

export const verify = (server: TestServer, name: string, headers: Headers = {}): Promise<Answer> =>
  server.call("POST", `/customdomains/${name}/verify`, {}, headers);

/** Puts into DNS what the answer about a domain says, as its owner does. */
export function publish(server: TestServer, { body }: Answer): void {
  const { metadata, spec } = body as CustomDomainAnswer;
  for (const [name, value] of Object.entries(spec.txtRecords)) {
    server.dns.txt.set(name, [...(server.dns.txt.get(name) ?? []), value]);
  }
  if (spec.cnameRecords !== undefined) server.dns.cname.set(`*.${metadata.name}`, spec.cnameRecords);
}

/** A domain whose records are in DNS. */
export async function addVerified(server: TestServer, name: string, headers: Headers = {}): Promise<Answer> {
  publish(server, await addDomain(server, name, headers));
  return verify(server, name, headers);
}

/** What the gateway learns about a host: `preview of sandbox`, with what it is there as. */
export function served(server: TestServer, hostname: string): string | undefined {
  const route = server.deps.directory.findDomain(hostname);
  if (route === undefined) return undefined;
  const { sandbox, port } = route.preview;
  const place = sandbox.workspace === WORKSPACE ? sandbox.name : `${sandbox.workspace}/${sandbox.name}`;
  return `${place}:${port} ${route.isFallback ? "as fallback of" : "under"} ${route.domain}`;
}

export const RIVAL = WorkspaceName.parse("rival");

/** A server whose account has a second workspace, and what the administrator of that sends. */
export interface RivalBench extends AsyncDisposable {
  readonly server: TestServer;
  readonly rival: Headers;
}

export async function startWithRival(): Promise<RivalBench> {
  let key = "";
  const server = await startServer({
    settings: { publicUrl: "https://box.dormouse.example" },
    prepare: async (store) => {
      await addWorkspace(store, RIVAL);
      key = await issueApiKey({ store, clock: Date.now }, RIVAL, "rival");
    },
  });
  return { server, rival: as(key, RIVAL), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
