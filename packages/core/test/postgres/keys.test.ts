import { expect, inject, it } from "vitest";
import type { KeyClaim } from "../../src/store.ts";
import { newJob, openWorld } from "./postgres-world.ts";

const keyClaim = (key: string, scope = "s"): KeyClaim => ({ scope, key, hold: { kind: "job", afterCompletionMs: 0 } });

/** Random, so that no compression makes it fit. */
const longText = (): string =>
  Array.from({ length: 1_000 }, () => String.fromCodePoint(0x4e00 + Math.floor(Math.random() * 20_000))).join("");

it("holds keys that are longer than an entry of an index", async () => {
  await using world = await openWorld(inject("postgres")[18]);
  const { jobs } = world.store;
  const [scope, key] = [longText(), longText()];
  for (const keys of [[keyClaim(key, scope)], [keyClaim(key, "a"), keyClaim("b", scope)]]) {
    const job = newJob({ keys });
    expect(await jobs.insert({ jobs: [job] })).toEqual([{ id: job.id, created: true }]);
    expect(await jobs.insert({ jobs: [newJob({ keys })] })).toEqual([{ id: job.id, created: false }]);
    const other = newJob({ keys: keys.map((claim) => ({ ...claim, key: `${claim.key}!` })) });
    expect(await jobs.insert({ jobs: [other] })).toEqual([{ id: other.id, created: true }]);
    await jobs.cancel({ ids: [job.id], reason: "enough" });
    expect(await jobs.retry({ ids: [job.id] })).toEqual(["retried"]);
    expect(await jobs.insert({ jobs: [newJob({ keys })] })).toEqual([{ id: job.id, created: false }]);
  }
});
