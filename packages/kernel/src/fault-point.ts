/**
 * Places where a test can end the engine or the server as `kill -9` does, in the order a request meets them, each with what has
 * been done by then. What survives of each is in docs/decisions/0019-what-survives.md.
 */
export const FAULT_POINTS = {
  "server.create.recorded": "the server has its record, DEPLOYING; the engine knows nothing",
  "server.create.attached": "its volumes are its own; the engine knows nothing",
  "engine.create.claimed": "the engine holds its volumes for it; nothing is on disk",
  "engine.create.folder": "its folder is there, without a record",
  "engine.create.spec": "what was asked for is recorded",
  "engine.start.groups": "network and control groups are made; nothing runs",
  "engine.start.mounted": "its root and volumes are mounted; nothing runs",
  "engine.start.running": "it serves; nobody has been told",
  "engine.start.recorded": "it is recorded as running; the server has not been told",
  "server.create.started": "it serves; the server's record still says DEPLOYING",
  "server.create.deployed": "it is DEPLOYED; the client has not been told",
  "server.sleep.asked": "it is idle; the engine has not been asked to freeze it",
  "engine.sleep.asked": "the engine has been asked; nothing is frozen",
  "engine.sleep.frozen": "it is frozen; the server has not been told",
  "server.sleep.done": "it is frozen, and the server knows",
  "server.wake.thawed": "the server has thawed it; the request has not reached it",
  "engine.wake.thawed": "the engine has thawed it; the server has not been told",
  "engine.restart.ended": "what was left of a dead one is taken away; it has not been started again",
  "server.wake.woken": "the engine has woken it or started it again; the request has not reached it",
  "engine.build.queued": "a build's context is there and its state says queued; nobody has been told",
  "engine.build.begun": "its state says building; nothing of it runs",
  "engine.build.stored": "its image is in the store; its state still says building",
  "server.delete.marked": "the server's record says DELETING; it runs on",
  "engine.remove.unrecorded": "its run record is gone; it runs on",
  "engine.remove.ended": "its processes are gone; volumes and files are there",
  "engine.remove.released": "its volumes are flushed and free; its files are there",
  "engine.remove.erased": "nothing of it is left; the server has not been told",
  "server.delete.removed": "nothing of it is left but the server's record and its hold on volumes",
  "server.delete.released": "its volumes are free; its record still says DELETING",
  "engine.images.discarded": "layers nobody uses are out of sight; nothing is erased",
  "server.delete.forgotten": "its record is gone; the client has not been told",
  "server.build.claimed": "its upload has begun; the engine knows nothing",
  "server.build.received": "the engine has all of it and builds; the server's record still says that it is uploaded",
  "server.build.building": "it builds, and its record says so; the client has not been told",
  "server.build.built": "the engine has its image; nobody has been told",
  "server.build.published": "its image has its name; nothing is started from it",
  "server.build.deploying": "its sandbox is to start from it; the engine knows nothing",
} as const satisfies Readonly<Record<string, string>>;

export type FaultPoint = keyof typeof FAULT_POINTS;

let armed: { readonly point: FaultPoint; readonly strike: () => void } | undefined;

/** Has `strike` called at the point, each time it is reached, in place of any armed before. */
export function armFaultPoint(point: FaultPoint, strike: () => void): void {
  armed = { point, strike };
}

/** Does nothing unless the point is armed. */
export function faultPoint(point: FaultPoint): void {
  if (armed?.point === point) armed.strike();
}
