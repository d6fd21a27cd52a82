import { Semaphore } from "@dormouse/kernel";

/** Each takes 64 MiB and a core for a moment: more at once would let anyone exhaust the machine. */
const slots = new Semaphore(2);

let unknownUsersHash: Promise<string> | undefined;

/** argon2id, in its own text form. */
export function hashPassword(password: string): Promise<string> {
  return slots.run(() => Bun.password.hash(password, "argon2id"));
}

/** Takes as long for a user without a password as for one with another password. */
export async function verifyPassword(password: string, hash: string | undefined): Promise<boolean> {
  unknownUsersHash ??= hashPassword("nobody has this password");
  const compared = hash ?? (await unknownUsersHash);
  const isRight = await slots.run(() => Bun.password.verify(password, compared));
  return isRight && hash !== undefined;
}
