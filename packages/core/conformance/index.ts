export { describeStore } from "./describe-store.ts";
export type { StoreExpectations, TestFramework } from "./describe-store.ts";
export type { Expect, Matchers } from "./expect.ts";
export type { Need, OpenWorld, Powers, Probe, Transaction, World } from "./world.ts";
