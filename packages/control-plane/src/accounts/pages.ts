import { html } from "hono/html";

type Html = ReturnType<typeof html>;

const STYLE = `
body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:10vh auto;padding:0 1rem;color-scheme:light dark}
label{display:block;margin:.8rem 0}input{font:inherit;width:100%;box-sizing:border-box;padding:.4rem}
button{font:inherit;padding:.4rem 1rem;margin:.8rem .8rem 0 0}.problem{border-left:4px solid #c33;padding-left:.8rem}
code{font-size:1.2em}fieldset{border:0;border-top:1px solid #8888;margin:1rem 0 0;padding:0}`;

function page(title: string, content: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>${title}</title>
      <style>
        ${STYLE}
      </style>
      <h1>${title}</h1>
      ${content}
    </html> `;
}

const problemOf = (problem: string | undefined): Html | "" =>
  problem === undefined ? "" : html`<p class="problem" role="alert">${problem}</p>`;

const PROOF_FIELDS = html`<label>Email <input name="email" type="email" autocomplete="username" /></label>
  <label>Password <input name="password" type="password" autocomplete="current-password" /></label>
  <fieldset>
    <label>or the API key of an administrator <input name="api_key" type="password" autocomplete="off" /></label>
  </fieldset>`;

export interface DevicePage {
  readonly userCode: string;
  /** Who asks; absent for a code that is not waiting. */
  readonly clientAddress: string | undefined;
  readonly problem?: string | undefined;
}

/** Asks whoever reads it to confirm the login of a command line. */
export function devicePage({ userCode, clientAddress, problem }: DevicePage): Html {
  const asked =
    clientAddress === undefined
      ? ""
      : html`<p>
          A command line at <code>${clientAddress || "this machine"}</code> wants to log in as you. Go on only if you
          have just started it yourself, and it shows this code.
        </p>`;
  return page(
    "Log in a command line",
    html`${problemOf(problem)}${asked}
      <form method="post" action="device">
        <label>Code <input name="user_code" value="${userCode}" autocomplete="off" required /></label>
        ${PROOF_FIELDS}
        <button name="decision" value="approve">Log it in</button><button name="decision" value="deny">Refuse</button>
      </form>`,
  );
}

export interface AuthorizePage {
  /** As it calls itself. */
  readonly clientId: string;
  /** Where the answer goes. */
  readonly redirectHost: string;
  readonly problem?: string | undefined;
}

/** Asks whoever reads it to let a program act as them. */
export function authorizePage({ clientId, redirectHost, problem }: AuthorizePage): Html {
  return page(
    "Log in a program",
    html`${problemOf(problem)}
      <p>
        A program that calls itself <code>${clientId}</code> wants to do everything you may do here. You go on to
        <code>${redirectHost}</code>. Go on only if you have just started it yourself.
      </p>
      <form method="post">
        ${PROOF_FIELDS}
        <button name="decision" value="approve">Log it in</button><button name="decision" value="deny">Refuse</button>
      </form>`,
  );
}

export interface InvitationPage {
  readonly token: string;
  readonly email: string;
  readonly workspace: string;
  readonly problem?: string | undefined;
}

/** Asks an invited user for the password: a new one, or the one there is. */
export function invitationPage({ token, email, workspace, problem }: InvitationPage): Html {
  return page(
    `Join ${workspace}`,
    html`${problemOf(problem)}
      <p>
        You are invited as <code>${email}</code>. Choose a password of at least 12 characters; if you have signed in
        here before, give the one you have.
      </p>
      <form method="post" action="invitation">
        <input type="hidden" name="token" value="${token}" /><input
          type="hidden"
          name="email"
          value="${email}"
          autocomplete="username"
        />
        <label>Password <input name="password" type="password" minlength="12" required /></label>
        <button>Join</button>
      </form>`,
  );
}

/** Says how something ended. */
export function messagePage(title: string, text: string): Html {
  return page(title, html`<p>${text}</p>`);
}
