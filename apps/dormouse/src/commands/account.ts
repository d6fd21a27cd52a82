import { AppError } from "@dormouse/kernel";
import { AccountAnswer, AccountCreateAnswer, ErrorAnswer } from "@dormouse/schema";
import { z } from "zod";
import { administratorAccess } from "../administrator.ts";
import type { Config } from "../config.ts";

export interface WantedAccount {
  readonly name: string;
  /** Email of the owner. */
  readonly owner: string;
  /** Name of the first workspace. */
  readonly workspace?: string;
}

/** Makes a further account; prints the address with which its owner joins. */
export async function runAccountAdd({ name, owner, workspace }: WantedAccount, config: Config): Promise<void> {
  if (workspace === undefined) {
    throw new AppError("INVALID_ARGUMENT", `Cannot make account "${name}": its first workspace has no name`, {
      hint: "Give one with --workspace",
    });
  }
  const request = { name, owner: { email: owner }, workspace: { name: workspace } };
  const answer = await callAccounts(config, { method: "POST", body: JSON.stringify(request) });
  const { id, invitation } = AccountCreateAnswer.parse(answer);
  process.stderr.write(
    `dormouse: account ${id} made; ${invitation.email} owns it after joining, until ${invitation.expiresAt}, at\n`,
  );
  process.stdout.write(`${invitation.invitationUrl}\n`);
}

/** One line an account: its id, name and owners. */
export async function runAccountList(config: Config): Promise<void> {
  for (const { id, name, owners } of z.array(AccountAnswer).parse(await callAccounts(config))) {
    const people = owners.map(({ email, accepted }) => (accepted ? email : `${email} (invited)`));
    process.stdout.write(`${id}\t${name}\t${people.join(", ")}\n`);
  }
}

/** @throws Error with the server's own words */
async function callAccounts(config: Config, request: RequestInit = {}): Promise<unknown> {
  const { baseUrl, apiKey } = administratorAccess(config, undefined);
  const headers = { authorization: `Bearer ${apiKey}` };
  const response = await fetch(`${baseUrl}/v0/accounts`, { ...request, headers }).catch((cause: unknown) => {
    throw new AppError("UPSTREAM_UNREACHABLE", `Cannot reach Dormouse at "${baseUrl}": it does not answer`, {
      hint: "Start it with `dormouse up`",
      cause,
    });
  });
  const body: unknown = await response.json();
  if (response.ok) return body;
  throw new Error(ErrorAnswer.parse(body).message);
}
