import { describe, expect, test } from "vitest";
import type { Store } from "../src/store.ts";
import { expectBy } from "./expect.ts";
import { openSqlite } from "./open-sqlite.ts";
import { runCase } from "./suite.ts";
import { SUITES } from "./suites.ts";
import { WRONG_RUN_STORES } from "./wrong-run-stores.ts";
import { passingOn, WRONG_STORES } from "./wrong-stores.ts";

const WRONG = [...WRONG_STORES, ...WRONG_RUN_STORES];

expectBy(expect);

/** The names of the cases of a topic that a spoilt SQLite store fails. */
async function failures(topic: string, spoil: (store: Store) => Store): Promise<string[]> {
  const failed: string[] = [];
  for (const one of SUITES.find((suite) => suite.topic === topic)!.cases) {
    if (one.needs?.some((need) => need !== "notifications") === true) continue;
    const open = async (options: { readonly migrated: boolean }): ReturnType<typeof openSqlite> => {
      const world = await openSqlite(options);
      return { ...world, store: spoil(world.store), other: spoil(world.other) };
    };
    await runCase(one, open).catch(() => failed.push(one.name));
  }
  return failed;
}

describe("the suite tells wrong stores from right ones", () => {
  for (const { fault, topic, spoil, cases } of WRONG) {
    test(`a store that ${fault} fails ${topic}`, async () => {
      expect(await failures(topic, spoil)).toEqual(expect.arrayContaining([...cases]));
    });
  }

  // Topic by topic, since all of them together take long on a machine that has other things to do.
  for (const topic of new Set(WRONG.map((one) => one.topic))) {
    test(`a right store that is wrapped in the same way does not fail ${topic}`, async () => {
      expect(await failures(topic, passingOn)).toEqual([]);
    });
  }
});
