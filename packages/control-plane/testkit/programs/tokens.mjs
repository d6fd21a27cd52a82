// Lists and creates with whatever credentials the environment gives, and prints what it saw as one JSON object.
import { authenticate, SandboxInstance, settings } from "@blaxel/core";

const caught = (promise) =>
  promise.then(
    () => "no error",
    (error) => ({ ...error, message: error.message }),
  );
const seen = {};

seen.created = await caught(SandboxInstance.createIfNotExists({ name: "by-token" }));
seen.listed = await SandboxInstance.list({ q: "by-token" }).then(
  ({ data }) => data.map(({ metadata }) => metadata.name),
  (error) => ({ ...error, message: error.message }),
);
await authenticate();
seen.isToken = settings.authorization.startsWith("Bearer ey");

process.stdout.write(JSON.stringify(seen));
