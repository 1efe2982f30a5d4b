import type { Need, OpenWorld, World } from "./world.ts";

/** One behaviour that every store shows. */
export interface Case {
  readonly name: string;
  /** What the store or its wiring must be able to do; a store without it skips this case by name. */
  readonly needs?: readonly Need[];
  /** Default true. */
  readonly migrated?: boolean;
  readonly run: (world: World) => Promise<void>;
}

/** The cases of one topic. They are data, so that vitest runs them on right stores and `self.test.ts` on wrong ones. */
export interface Suite {
  readonly topic: string;
  readonly cases: readonly Case[];
}

/** Runs one case in a world of its own, and removes the world whatever came of it. */
export async function runCase({ run, migrated = true }: Case, open: OpenWorld): Promise<void> {
  const world = await open({ migrated });
  try {
    await run(world);
  } finally {
    await world.dispose();
  }
}
