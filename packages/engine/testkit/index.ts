export { AGENT_FILE, EngineProcess, TestData } from "./engine-process.ts";
export { addBaseImage, addImage, addMuslImage, addScratchImage } from "./images.ts";
export { runInside, type Outcome } from "./inside.ts";
export { tracesOnMachine } from "./machine.ts";
export { simulateReboot } from "./reboot.ts";
export { noSwapReason, type TestSwap, useSwap } from "./swap.ts";
export { failure, newSpec, useEngine, type EngineSuite } from "./suite.ts";
export { CertificateAuthority, type IssuedFiles } from "./certificate-authority.ts";
export { type DnsAnswer, DnsServer } from "./dns-server.ts";
