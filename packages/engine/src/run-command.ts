import { AppError } from "@dormouse/kernel";

/** Runs a host tool to its end and returns its output. @throws INTERNAL with the tool's own words when it fails */
export async function runCommand(command: readonly string[], input?: string): Promise<string> {
  const child = Bun.spawn([...command], {
    stdin: input === undefined ? "ignore" : new Blob([input]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, complaint, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (exitCode === 0) return output;
  throw new AppError(
    "INTERNAL",
    `Cannot run "${command.slice(0, 2).join(" ")}": ${complaint.trim() || `exit ${exitCode}`}`,
  );
}
