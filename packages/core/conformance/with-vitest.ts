import { describe, expect, test } from "vitest";
import { describeStore as describeStoreBy, type StoreExpectations } from "./describe-store.ts";
import type { OpenWorld } from "./world.ts";

/** Registers every conformance case for one store as tests of vitest. */
export function describeStore(name: string, open: OpenWorld, expectations: StoreExpectations): void {
  describeStoreBy({ describe, test, expect }, name, open, expectations);
}
