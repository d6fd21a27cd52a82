import { openApiDocument } from "@dormouse/control-plane/openapi";

/* Writes the API's description to docs/openapi.json; `--check` fails where the two differ. */
const file = new URL("../docs/openapi.json", import.meta.url);
const wanted = `${JSON.stringify(openApiDocument(), null, 2)}\n`;

if (!process.argv.includes("--check")) {
  await Bun.write(file, wanted);
} else if (
  (await Bun.file(file)
    .text()
    .catch(() => "")) !== wanted
) {
  process.stderr.write("docs/openapi.json differs from the API: run node_modules/.bin/bun scripts/openapi.ts\n");
  process.exit(1);
}
