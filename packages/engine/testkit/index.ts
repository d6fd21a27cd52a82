export { AGENT_FILE, EngineProcess, TestData } from "./engine-process.ts";
export { addBaseImage, addImage, addMuslImage, addScratchImage } from "./images.ts";
export { runInside, type Outcome } from "./inside.ts";
export { machineState } from "./machine.ts";
