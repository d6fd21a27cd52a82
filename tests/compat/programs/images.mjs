import { getImage, listImages, listSandboxHubDefinitions, listTemplates, SandboxInstance } from "@blaxel/core";
import { caught, report } from "./report.mjs";

const dataOf = async (operation, options = {}) => (await operation({ ...options, throwOnError: true })).data;
const create = (name, image) => SandboxInstance.create({ name, image, memory: 512 });
const seen = {};

seen.hub = await dataOf(listSandboxHubDefinitions);
seen.templates = await dataOf(listTemplates);
seen.listed = await dataOf(listImages);
seen.missing = await caught(
  getImage({ path: { resourceType: "sandbox", imageName: "base-image" }, throwOnError: true }),
);

seen.images = [];
for (const image of ["base-image", "blaxel/base-image:latest"]) {
  const sandbox = await create("public", image);
  const { stdout } = await sandbox.process.exec({ command: "echo runs", waitForCompletion: true });
  seen.images.push([sandbox.spec.runtime.image, stdout]);
  await sandbox.delete();
}
seen.refused = [];
for (const image of ["sandbox/base-image", "blaxel/nowhere", "nowhere:v1"]) {
  seen.refused.push(await caught(create("refused", image)));
}

report(seen);
