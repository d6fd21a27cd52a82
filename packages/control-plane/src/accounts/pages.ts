import { html } from "hono/html";

type Html = ReturnType<typeof html>;

/** In the look of the gateway's error page. Without quotes and angle brackets, which the template escapes. */
const STYLE = `
:root{color-scheme:light dark;--ink:#1d2530;--line:#dfe4ea;--edge:#8793a1;--card:#fff;--page:#f4f6f8;--warm:#a8572a;--on-warm:#fff}
@media (prefers-color-scheme:dark){
:root{--ink:#e8ecf1;--line:#2c3642;--edge:#5d6978;--card:#171d25;--page:#0f1319;--warm:#e59a68;--on-warm:#171d25}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem;background:var(--page);color:var(--ink);
font:1rem/1.6 system-ui,-apple-system,Segoe UI,Roboto,sans-serif}
main{width:100%;max-width:28rem;padding:clamp(1.5rem,5vw,2.5rem);background:var(--card);border:1px solid var(--line);
border-radius:1rem;overflow-wrap:anywhere}
h1{margin:0;font-size:1.5rem;line-height:1.3;font-weight:650}p{margin:.75rem 0 0}
code{font:.95em ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace;font-weight:600}
.problem{padding-left:1rem;border-left:3px solid var(--warm)}
label{display:block;margin-top:1rem;font-size:.9rem}fieldset{border:0;border-top:1px solid var(--line);margin:1.5rem 0 0;padding:0}
input{display:block;width:100%;margin-top:.3rem;padding:.55rem .7rem;border:1px solid var(--edge);border-radius:.5rem;
background:var(--card);color:inherit;font:inherit}
button{margin:1.5rem .75rem 0 0;padding:.55rem 1.1rem;border:1px solid var(--edge);border-radius:.5rem;background:none;color:inherit;font:inherit;
cursor:pointer}
button:first-of-type{border-color:var(--warm);background:var(--warm);color:var(--on-warm);font-weight:600}
:focus-visible{outline:2px solid var(--warm);outline-offset:2px}`;

function page(title: string, content: Html): Html {
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>${title}</title>
      <style>
        ${STYLE}
      </style>
      <main>
        <h1>${title}</h1>
        ${content}
      </main>
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
