import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomId } from "@dormouse/kernel";
import { EngineImageId, EngineImageRequest, HubFile, type HubImage, ImageName, WorkspaceName } from "@dormouse/schema";
import { addAccount } from "@dormouse/store/testkit";
import { beginImage, publishImage, type PublishedVersion } from "../src/images/push-progress.ts";
import { issueApiKey } from "../src/index.ts";
import { as } from "./accounts.ts";
import { addWorkspace, type ServerOptions, startServer, WORKSPACE, type TestServer } from "./server.ts";

export interface PushedVersion extends PublishedVersion {
  readonly id: EngineImageId;
}

/** A version as a push leaves it. */
export async function pushVersion(server: TestServer, name: string, workspace = WORKSPACE): Promise<PushedVersion> {
  const { deps, engine } = server;
  const place = { workspace, name: ImageName.parse(name) };
  const id = EngineImageId.parse(randomId());
  await beginImage(deps, { ...place, status: "UPLOADING", message: "Waits for the upload" });
  await engine.buildImage(id, EngineImageRequest.parse({ source: { kind: "context" }, cacheScope: workspace }));
  const { sizeBytes } = await engine.image(id);
  return { id, ...(await publishImage(deps, { ...place, imageId: id, sizeBytes })) };
}

/** Another workspace of the account. */
export const TEAM = WorkspaceName.parse("team");
/** A workspace of another account. */
export const STRANGER = WorkspaceName.parse("stranger");
export const STRANGER_ACCOUNT = "strangers";

type Headers = Record<string, string>;

/** A server with three workspaces, and what the administrators of the other two send. */
/** What the hub is to say of the image that the engine has, and of one that it has not. */
export const HUB: readonly HubImage[] = ["nextjs", "rust"].map((name) => ({
  ...HubFile.parse({
    displayName: "App",
    description: "It shows an app",
    memory: 512,
    ports: [{ name: "dev", target: 3000 }],
    categories: ["Web"],
    tags: ["a", "b"],
  }),
  name: ImageName.parse(name),
}));

export interface ShareBench extends AsyncDisposable {
  readonly server: TestServer;
  readonly team: Headers;
  readonly stranger: Headers;
  readonly strangerKey: string;
}

export async function startShareBench(options: Pick<ServerOptions, "clock" | "hub"> = {}): Promise<ShareBench> {
  const { clock = Date.now } = options;
  const folder = await mkdtemp(join(tmpdir(), "dormouse-images-"));
  const sqlitePath = join(folder, "records.sqlite");
  const keys = new Map<WorkspaceName, string>();
  const server = await startServer({
    ...options,
    sqlitePath,
    prepare: async (store) => {
      await addAccount({ sqlitePath }, STRANGER_ACCOUNT);
      await addWorkspace(store, TEAM);
      await addWorkspace(store, STRANGER, STRANGER_ACCOUNT);
      for (const name of [TEAM, STRANGER]) keys.set(name, await issueApiKey({ store, clock }, name, "admin"));
    },
  });
  const strangerKey = keys.get(STRANGER) ?? "";
  return {
    server,
    team: as(keys.get(TEAM) ?? "", TEAM),
    stranger: as(strangerKey, STRANGER),
    strangerKey,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}
