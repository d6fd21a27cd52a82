import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "@dormouse/control-plane";
import { HubFile, type HubImage, ImageName } from "@dormouse/schema";

/** What the recipes in a folder say of their images, by name. One that cannot be read is left out, and the log tells why. */
export function readHub(recipesDir: string, log: Logger): HubImage[] {
  const names = readdirSync(recipesDir).toSorted();
  return names.flatMap((name) => {
    const file = join(recipesDir, name, "hub.json");
    return existsSync(file) ? readHubFile(name, file, log) : [];
  });
}

function readHubFile(name: string, file: string, log: Logger): HubImage[] {
  try {
    const said = HubFile.parse(JSON.parse(readFileSync(file, "utf8")));
    return [{ ...said, name: ImageName.parse(name) }];
  } catch (error) {
    log.error({ event: "hub.read", outcome: "failure", file, cause: String(error) });
    return [];
  }
}
