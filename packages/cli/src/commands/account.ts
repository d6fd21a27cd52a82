import type { Command } from "commander";
import { localAction } from "../action.ts";
import type { Io } from "../io.ts";
import type { GlobalOptions } from "../options.ts";
import type { LoginOptions } from "../account/login.ts";

const account = () => import("../account/workspaces.ts");

export function registerLogin(program: Command, io: Io): void {
  program
    .command("login [workspace...]")
    .description("log in: in the browser, with an API key, or as a service account")
    .option("--url <url>", "the server (default: BL_API_URL, that of the last login, or http://localhost:4111)")
    .option("--api-key <key>", "log in with this key; better in BL_API_KEY, where the shell's history does not keep it")
    .addHelpText("after", loginExamples(io.program))
    .action(
      localAction(io, "Login", async () => {
        const { login } = await import("../account/login.ts");
        return (global: GlobalOptions, words: readonly string[], options: LoginOptions) =>
          login(io, global, words, options);
      }),
    );
}

export function registerLogout(program: Command, io: Io): void {
  program
    .command("logout [workspace]")
    .description("forget a login; what it was made with stays valid")
    .addHelpText("after", `\nExample:\n  $ ${io.program} logout my-workspace`)
    .action(
      localAction(io, "Logout", async () => {
        const { logout } = await account();
        return (global: GlobalOptions, name: string | undefined) => logout(io, global, name);
      }),
    );
}

export function registerWorkspaces(program: Command, io: Io): void {
  program
    .command("workspaces [name]")
    .aliases(["workspace", "ws"])
    .description("list the workspaces you are logged in to, or change to another one")
    .option("--current", "print only the name of the current one")
    .addHelpText("after", `\nExamples:\n  $ ${io.program} workspaces\n  $ ${io.program} workspaces my-workspace`)
    .action(
      localAction(io, "Workspaces", async () => {
        const { workspaces } = await account();
        return (global: GlobalOptions, name: string | undefined, options: { readonly current?: boolean }) =>
          workspaces(io, global, name, options);
      }),
    );
}

export function registerToken(program: Command, io: Io): void {
  program
    .command("token [workspace]")
    .description("print the token or API key of your login, for other programs")
    .addHelpText(
      "after",
      `\nExample:\n  $ curl -H "Authorization: Bearer $(${io.program} token)" http://localhost:4111/v0/sandboxes`,
    )
    .action(
      localAction(io, "Token", async () => {
        const { printToken } = await account();
        return (global: GlobalOptions, name: string | undefined) => printToken(io, global, name);
      }),
    );
}

const loginExamples = (program: string): string => `
Without a workspace: in the browser. With one: BL_CLIENT_CREDENTIALS, BL_API_KEY, or a question.
The login is kept in ~/.blaxel/config.yaml, which the Blaxel SDKs read too; they take the server from BL_API_URL.

Examples:
  $ ${program} login
  $ ${program} login my-workspace --url https://dormouse.example.com
  $ BL_API_KEY=dm_... ${program} login default`;
