import type { StoreCapabilities } from "@forge-jobs/core";
import { type Expect, expect, expectBy } from "./expect.ts";
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

type Declare = (name: string, body: () => void | Promise<void>) => unknown;

/** What the suite asks of a test framework: vitest's own functions fit. */
export interface TestFramework {
  readonly describe: (name: string, body: () => void) => unknown;
  readonly test: Declare & { readonly skip: Declare };
  readonly expect: Expect;
}

/**
 * Registers every conformance case for one store, as tests of the framework that is given: what holds SQLite and PostgreSQL to
 * the storing seam.
 *
 * Unstable: cases come and go with every release. `open` makes a database of its own for each case.
 */
export function describeStore(
  { describe, test, expect: expecting }: TestFramework,
  name: string,
  open: OpenWorld,
  { capabilities, powers, skips }: StoreExpectations,
): void {
  expectBy(expecting);
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
          (possible ? test : test.skip)(one.name, () => runCase(one, open));
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
