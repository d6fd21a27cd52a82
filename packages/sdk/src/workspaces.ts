import type { WorkspaceAnswer } from "@dormouse/schema";
import type { Client } from "./client.ts";
import { path } from "./paths.ts";

export const listWorkspaces = (client: Client): Promise<readonly WorkspaceAnswer[]> =>
  client.request("GET", "/workspaces");

export const getWorkspace = (client: Client, name: string): Promise<WorkspaceAnswer> =>
  client.request("GET", path`/workspaces/${name}`);
