import { toAppError, type AppError } from "@dormouse/kernel";
import type { Context, MiddlewareHandler } from "hono";
import { csrf } from "hono/csrf";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { AccountsContext } from "../accounts/context.ts";
import { messagePage } from "../accounts/pages.ts";
import { signIn, type Proof, type SignedIn } from "../accounts/sign-in.ts";
import { clientAddressOf, type ApiContext } from "../http/caller.ts";
import { logUnexpected } from "../http/errors.ts";
import { publicBaseUrl } from "../urls.ts";

/* What pages with a form have in common. */

export type Form = (name: string) => string;

/** `formTarget` is where the answer to a form may lead beside here: browsers hold redirects to the policy too. */
export function formGuards(context: AccountsContext, formTarget?: (c: Context) => string): MiddlewareHandler[] {
  return [safeHeaders(formTarget), noStore, onlyFromUs(context)];
}

const safeHeaders = (formTarget?: (c: Context) => string): MiddlewareHandler =>
  secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      styleSrc: ["'unsafe-inline'"],
      formAction: ["'self'", ...(formTarget === undefined ? [] : [formTarget])],
      frameAncestors: ["'none'"],
      baseUri: ["'none'"],
    },
    xFrameOptions: "DENY",
  });

const noStore: MiddlewareHandler = async (c, next) => {
  c.header("Cache-Control", "no-store");
  await next();
};

function onlyFromUs({ settings }: AccountsContext): MiddlewareHandler {
  return csrf({ origin: (origin, c) => origin === new URL(publicBaseUrl(settings, c.req.url)).origin });
}

export async function readForm(c: ApiContext): Promise<Form> {
  const fields = await c.req.parseBody();
  return (name) => {
    const field = fields[name];
    return typeof field === "string" ? field : "";
  };
}

export function readProof(c: ApiContext, form: Form): Proof {
  const clientAddress = clientAddressOf(c);
  return { email: form("email"), password: form("password"), apiKey: form("api_key"), clientAddress };
}

/** The call is this person's from here on. @throws {AppError} UNAUTHENTICATED, RATE_LIMITED */
export async function signInAs(context: AccountsContext, c: ApiContext, proof: Proof): Promise<SignedIn> {
  const signedIn = await signIn(context, proof);
  const subject = { type: "user", id: signedIn.userId } as const;
  const { people } = context.directory.credentials;
  const home = signedIn.scope ?? people.workspacesOf(subject)[0];
  c.set("principal", { ...subject, ...signedIn, home, name: people.nameOf(subject) });
  return signedIn;
}

export function renderFailure(context: AccountsContext, c: ApiContext, thrown: Error): Response | Promise<Response> {
  if (thrown instanceof HTTPException) {
    c.set("errorCode", "FORBIDDEN");
    return c.html(messagePage("Refused", "The form was sent from another page. Open this page again."), thrown.status);
  }
  const error = noteFailure(context, c, thrown);
  return c.html(messagePage("This did not work", explain(error)), error.status as ContentfulStatusCode);
}

export function noteFailure({ log }: AccountsContext, c: ApiContext, thrown: unknown): AppError {
  const error = toAppError(thrown);
  c.set("errorCode", error.code);
  logUnexpected(log, c, error);
  return error;
}

export const explain = ({ message, hint }: AppError): string =>
  hint === undefined ? `${message}.` : `${message}. ${hint}.`;
