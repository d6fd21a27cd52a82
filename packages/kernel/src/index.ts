export { AppError, ERROR_INFO, isErrorCode, toAppError, type AppErrorOptions, type ErrorCode } from "./errors.ts";
export { FairQueue, type FairQueueOptions } from "./fair-queue.ts";
export { armFaultPoint, FAULT_POINTS, type FaultPoint, faultPoint } from "./fault-point.ts";
export { randomId, randomSecret } from "./ids.ts";
export { KeyedMutex, Mutex } from "./mutex.ts";
export { redactSecrets } from "./redact.ts";
export { Semaphore } from "./semaphore.ts";
export { SingleFlight } from "./single-flight.ts";
