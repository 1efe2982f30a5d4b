import { describe, expect, test } from "vitest";
import type { StoreCapabilities } from "../src/store.ts";
import { runCase } from "./suite.ts";
import { SUITES } from "./suites.ts";
import type { Need, OpenWorld, Powers } from "./world.ts";

/** What a store's wiring says of it; a test holds the store and the list of skipped cases to this. */
export interface StoreExpectations {
  readonly capabilities: StoreCapabilities;
  /** The powers that the wiring gives. */
  readonly powers: readonly (keyof Powers)[];
  /** The names of all cases that cannot run on this store, as "topic > case". */
  readonly skips: readonly string[];
}

// The names of the tests come from the suites, where no rule about titles can see them.
/* oxlint-disable vitest/valid-title */

/** Registers every conformance case for one store. */
export function describeStore(name: string, open: OpenWorld, { capabilities, powers, skips }: StoreExpectations): void {
  const declared = Object.keys(capabilities).filter(
    (capability) => capabilities[capability as keyof StoreCapabilities],
  );
  const given = new Set<Need>([...powers, ...(declared as Need[])]);
  const skipped: string[] = [];

  describe(name, () => {
    for (const { topic, cases } of SUITES) {
      describe(topic, () => {
        for (const one of cases) {
          const possible = (one.needs ?? []).every((need) => given.has(need));
          if (!possible) skipped.push(`${topic} > ${one.name}`);
          test.skipIf(!possible)(one.name, () => runCase(one, open));
        }
      });
    }

    test("the store declares what the suite was told", async () => {
      const world = await open({ migrated: true });
      try {
        expect(world.store.capabilities).toEqual(capabilities);
        expect(Object.keys(world.powers).toSorted()).toEqual(powers.toSorted());
      } finally {
        await world.dispose();
      }
    });

    test("no case is skipped besides the listed ones", () => {
      expect(skipped).toEqual(skips);
    });
  });
}
