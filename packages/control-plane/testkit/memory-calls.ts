import type { ProcessRequest, SandboxId } from "@dormouse/schema";
import type { ProgramOutput, SandboxAnswerToCall, SandboxCalls } from "../src/ports.ts";

interface Call {
  readonly sandboxId: SandboxId;
  readonly request: ProcessRequest;
}

/** Sandboxes that take every command, unless told otherwise, and run none. */
export class MemoryCalls implements SandboxCalls {
  readonly calls: Call[] = [];
  answer: (request: ProcessRequest, signal: AbortSignal) => SandboxAnswerToCall | Promise<SandboxAnswerToCall> =
    () => ({
      status: 200,
      error: undefined,
    });

  async startProcess(sandboxId: SandboxId, request: ProcessRequest, signal: AbortSignal): Promise<SandboxAnswerToCall> {
    this.calls.push({ sandboxId, request });
    return this.answer(request, signal);
  }

  readonly output = new Map<SandboxId, ProgramOutput[]>();

  async readOutput(sandboxId: SandboxId): Promise<readonly ProgramOutput[]> {
    return this.output.get(sandboxId) ?? [];
  }
}
