export { startEngine, type Engine, type EngineOptions } from "./engine.ts";
export { serveEngine, type EngineServerOptions } from "./server.ts";
export { instanceDir, instanceName, removeEmptyDirs, RUN_ROOT } from "./instance.ts";
export { ImageConfig, ImageManifest, ImageStore } from "./images/store.ts";
export { runCommand } from "./run-command.ts";
export { buildImage, type BuildRequest } from "./images/build.ts";
export { importImage, type ImportRequest } from "./images/import.ts";
export { examineHost, type Finding } from "./doctor.ts";
export { openReadyPipe, type ReadyPipe } from "./ready-pipe.ts";
