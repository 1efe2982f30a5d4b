import { describeStore, type TestFramework } from "@forge-jobs/core/conformance";
import { expect, test } from "vitest";
import { openSqlite } from "../conformance/open-sqlite.ts";

test("the published suite registers its cases with whatever framework is given, and they run", async () => {
  const cases = new Map<string, () => void | Promise<void>>();
  const skipped: string[] = [];
  let topic = "";
  const framework: TestFramework = {
    describe: (name, body) => {
      topic = name;
      body();
    },
    test: Object.assign((name: string, body: () => void | Promise<void>) => cases.set(`${topic} > ${name}`, body), {
      skip: (name: string) => skipped.push(`${topic} > ${name}`),
    }),
    expect,
  };
  const capabilities = { multiHost: false, namedHints: false };
  describeStore(framework, "SQLite", openSqlite, { capabilities, powers: ["notifications"], skips: [] });
  expect(cases.size).toBeGreaterThan(300);
  expect(skipped).toContain("migrate > the release with schema 1 works on, and starts again, after migrate");
  await cases.get("claim > two types that hash to one lane are two types")!();
});
