export { createTestForge } from "./test-forge.ts";
export type { TestForge, TestForgeOptions } from "./test-forge.ts";
export type { DrainOptions } from "./clockwork.ts";
export type { MockStepOptions } from "./step-mocks.ts";
export type { Part } from "./dispatched.ts";
export { replay } from "./replay.ts";
export type { ExportedRun, ReplayEnd, ReplayReport } from "./replay.ts";
