import { collectImages as collect } from "@dormouse/sdk";
import type { Context } from "../context.ts";
import { printOutcome } from "../project/apply.ts";
import { isData } from "../project/print-log.ts";

/** `image gc` */
export async function collectImages(context: Context): Promise<void> {
  const answer = await collect(context.client);
  if (!isData(context)) context.say.success(answer.message);
  await printOutcome(context, answer);
}
