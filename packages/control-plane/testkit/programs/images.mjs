// Drives the stock client's generated calls of images, as `ROLE` says, and prints what it saw as one JSON object.
import {
  acceptImageShare,
  cleanupImages,
  declineImageShare,
  deleteImage,
  deleteImageTag,
  getImage,
  listImages,
  listImageShares,
  listPendingImageShares,
  listSandboxHubDefinitions,
  SandboxInstance,
  shareImage,
  unshareImage,
} from "@blaxel/core";

const caught = (promise) =>
  promise.then(
    () => "no error",
    (error) => error,
  );
const call = async (operation, options = {}) => {
  const { data, response } = await operation({ ...options, throwOnError: true });
  return { status: response.status, data };
};
const path = { resourceType: "sandbox", imageName: "tools" };
const imageOf = (sandbox) => sandbox.spec.runtime.image;

/** Whose image it is. */
async function own() {
  const listed = await call(listImages);
  const got = await call(getImage, { path });
  const [tag] = got.data.spec.tags;
  const created = [];
  for (const [index, image] of [`sandbox/tools:${tag.name}`, "tools", "blaxel/nextjs:latest"].entries()) {
    created.push(imageOf(await SandboxInstance.create({ name: `own-${index}`, image })));
  }
  return {
    listed: listed.data.map(({ metadata }) => metadata.name),
    got,
    created,
    refused: await caught(SandboxInstance.create({ name: "refused", image: "sandbox/nowhere" })),
    shared: await call(shareImage, { path, body: { targetWorkspace: "team" } }),
    offered: await call(shareImage, { path, body: { targetWorkspace: "stranger", targetAccountId: "strangers" } }),
    shares: (await call(listImageShares, { path })).data,
    outgoing: (await call(listPendingImageShares, { query: { direction: "outgoing" } })).data,
    inUse: await caught(deleteImage({ path, throwOnError: true })),
    hub: (await call(listSandboxHubDefinitions)).data,
  };
}

/** With whom it is shared at once. */
async function borrow() {
  const { data } = await call(getImage, { path });
  const sandbox = await SandboxInstance.create({ name: "borrower", image: "sandbox/tools:latest" });
  const onward = shareImage({ path, body: { targetWorkspace: "default" }, throwOnError: true });
  return { got: data.metadata, image: imageOf(sandbox), onward: await caught(onward) };
}

/** To whom it is offered. */
async function answer() {
  const [pending] = (await call(listPendingImageShares)).data;
  const other = { path: { pendingShareId: "none" } };
  const accepted = await call(acceptImageShare, { path: { pendingShareId: pending.id }, query: { force: false } });
  return {
    pending,
    accepted,
    listed: (await call(listImages)).data.map(({ metadata }) => metadata),
    unknown: await caught(declineImageShare({ ...other, throwOnError: true })),
  };
}

async function withdraw() {
  for (const targetWorkspace of ["team", "stranger"]) await call(unshareImage, { path: { ...path, targetWorkspace } });
  const [, second] = (await call(getImage, { path })).data.spec.tags;
  for (const index of [0, 1]) await SandboxInstance.delete(`own-${index}`);
  return {
    tagDeleted: (await call(deleteImageTag, { path: { ...path, tagName: second.name } })).data.spec.tags.length,
    cleaned: await call(cleanupImages),
    gone: await caught(getImage({ path, throwOnError: true })),
  };
}

const seen = await { own, borrow, answer, withdraw }[process.env.ROLE]();
process.stdout.write(JSON.stringify(seen));
