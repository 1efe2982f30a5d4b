import { describe, expect, test } from "vitest";
import type { Store } from "../src/store.ts";
import { openSqlite } from "./open-sqlite.ts";
import { runCase } from "./suite.ts";
import { SUITES } from "./suites.ts";
import { passingOn, WRONG_STORES } from "./wrong-stores.ts";

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
  for (const { fault, topic, spoil, cases } of WRONG_STORES) {
    test(`a store that ${fault} fails ${topic}`, async () => {
      expect(await failures(topic, spoil)).toEqual(expect.arrayContaining([...cases]));
    });
  }

  test("a right store that is wrapped in the same way fails none of these topics", async () => {
    for (const topic of new Set(WRONG_STORES.map((one) => one.topic))) {
      expect(await failures(topic, passingOn), topic).toEqual([]);
    }
  });
});
