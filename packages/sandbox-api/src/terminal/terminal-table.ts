import type { SandboxApiConfig } from "../config.ts";
import { cannotOpen, chooseShell } from "./shell.ts";
import type { TerminalRequest } from "./terminal-request.ts";
import { type Patience, TerminalSession } from "./terminal-session.ts";
import { CLOSE_CODE, type Viewer } from "./viewer.ts";

const MAX_SESSIONS = 64;
const STOPPING = "the sandbox API stops";
const DEFAULT_PATIENCE: Patience = { idleMs: 10 * 60_000, holdUpMs: 10_000 };

/** All terminals of the agent, by session id. */
export class TerminalTable implements AsyncDisposable {
  readonly #config: SandboxApiConfig;
  readonly #patience: Patience;
  /** Also those that still end, whose id a new one may have taken. */
  readonly #sessions = new Set<TerminalSession>();
  readonly #byId = new Map<string, TerminalSession>();
  #isClosed = false;

  constructor(config: SandboxApiConfig, patience = DEFAULT_PATIENCE) {
    this.#config = config;
    this.#patience = patience;
  }

  /** Lets `viewer` look at the session it asks for, which starts when there is none. @throws {AppError} */
  attach(viewer: Viewer, request: TerminalRequest): TerminalSession {
    const known = this.#byId.get(request.sessionId);
    const session = known === undefined || known.isEnding ? this.#start(request) : known;
    session.attach(viewer, request.size);
    return session;
  }

  /** Ends all of them; nothing they started in their sessions is left. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const session of this.#sessions) {
      session.dismiss(CLOSE_CODE.goingAway, STOPPING);
      session.end(STOPPING);
    }
    await Promise.all([...this.#sessions].map((session) => session.ended));
  }

  #start(request: TerminalRequest): TerminalSession {
    if (this.#isClosed) throw cannotOpen(STOPPING);
    if (this.#sessions.size >= MAX_SESSIONS) throw cannotOpen(`${MAX_SESSIONS} are open already`);
    const session = new TerminalSession(chooseShell(this.#config, request), request.size, this.#patience);
    this.#sessions.add(session);
    this.#byId.set(request.sessionId, session);
    void session.ended.then(() => this.#forget(request.sessionId, session));
    return session;
  }

  #forget(sessionId: string, session: TerminalSession): void {
    this.#sessions.delete(session);
    if (this.#byId.get(sessionId) === session) this.#byId.delete(sessionId);
  }
}
