import type { OperationGroup } from "./operation.ts";
import { accounts, apiKeys, people, workspaces } from "./operations/accounts.ts";
import { builds } from "./operations/builds.ts";
import { customDomains } from "./operations/custom-domains.ts";
import { images } from "./operations/images.ts";
import { previews, sandboxes } from "./operations/sandboxes.ts";
import { schedules } from "./operations/schedules.ts";
import { reference, signIn } from "./operations/sign-in.ts";
import { volumeTemplates } from "./operations/volume-templates.ts";
import { volumes } from "./operations/volumes.ts";

/** Every call of the API, in the order in which the reference shows them. A test holds it against the routes. */
export const OPERATION_GROUPS: readonly OperationGroup[] = [
  sandboxes,
  previews,
  images,
  builds,
  customDomains,
  schedules,
  volumes,
  volumeTemplates,
  accounts,
  workspaces,
  people,
  apiKeys,
  signIn,
  reference,
];
