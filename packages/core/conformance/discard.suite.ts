import { JOB_STATUSES, type StoredJobStatus } from "@forge-jobs/protocol";
import { expect } from "./expect.ts";
import { jobIn } from "./job-in.ts";
import { insertKeyed, keyClaim, newJob, readJob, retryJob } from "./one-job.ts";
import type { Case, Suite } from "./suite.ts";
import { advance } from "./world.ts";

const HOUR_MS = 3_600_000;

const discarded = (status: StoredJobStatus): Case => ({
  name: `a job that is ${status} is failed and discarded from now on, and keeps everything else`,
  async run(world) {
    const { store } = world;
    const { id } = await jobIn(store, status);
    const before = await readJob(store, id);
    advance(world, HOUR_MS);
    expect(await store.ended.discard({ ids: [id], by: "ada" })).toEqual(["discarded"]);
    const after = await readJob(store, id);
    expect(after).toEqual({
      ...before,
      status: "failed",
      revision: before.revision + 1,
      discardedAt: expect.any(Number) as number,
    });
    expect(after.discardedAt! - after.failedAt!).toBeGreaterThanOrEqual(HOUR_MS);
    const entries = await store.history.read({ jobIds: [id] });
    expect(entries.at(-1)).toMatchObject({
      event: "discard",
      by: "ada",
      revision: after.revision,
      attempt: after.attempts,
      at: after.discardedAt,
    });
  },
});

const leftAlone = (status: StoredJobStatus): Case => ({
  name: `a job that is ${status} is left alone`,
  async run({ store }) {
    const { id } = await jobIn(store, status);
    const before = await readJob(store, id);
    const entries = await store.history.read({ jobIds: [id] });
    expect(await store.ended.discard({ ids: [id] })).toEqual(["not_failed"]);
    expect(await readJob(store, id)).toEqual(before);
    expect(await store.history.read({ jobIds: [id] })).toEqual(entries);
  },
});

const DEAD: readonly StoredJobStatus[] = ["failed", "dead_letter"];

/** A person declares a failure nobody's business. */
export const discardSuite: Suite = {
  topic: "discard",
  cases: [
    ...DEAD.map(discarded),
    ...JOB_STATUSES.filter((status) => !DEAD.includes(status)).map(leftAlone),
    {
      name: "discarding again changes nothing",
      async run({ store }) {
        const { id } = await jobIn(store, "dead_letter");
        await store.ended.discard({ ids: [id], by: "ada" });
        const before = await readJob(store, id);
        expect(await store.ended.discard({ ids: [id], by: "eve" })).toEqual(["discarded"]);
        expect(await readJob(store, id)).toEqual(before);
        const entries = await store.history.read({ jobIds: [id] });
        expect(entries.filter(({ event }) => event === "discard")).toHaveLength(1);
      },
    },
    {
      name: "a discarded job enters no sweep and no retry",
      async run(world) {
        const { store } = world;
        const { id } = await jobIn(store, "failed");
        await store.ended.discard({ ids: [id] });
        advance(world, HOUR_MS);
        expect(await store.sweeps.deadLetter({ afterMs: 0, limit: 10 })).toBe(0);
        expect(await retryJob(store, id)).toBe("discarded");
        expect((await readJob(store, id)).status).toBe("failed");
      },
    },
    {
      name: "its key stays free",
      async run({ store }) {
        const { id } = await jobIn(store, "failed", { keys: [keyClaim("k")] });
        await store.ended.discard({ ids: [id] });
        expect((await insertKeyed(store, [keyClaim("k")])).created).toBe(true);
      },
    },
    {
      name: "a batch is answered in its order",
      async run({ store }) {
        const [dead, running, failed] = [
          await jobIn(store, "dead_letter"),
          await jobIn(store, "running"),
          await jobIn(store, "failed"),
        ];
        const ids = [failed.id, newJob().id, running.id, dead.id, failed.id];
        expect(await store.ended.discard({ ids })).toEqual([
          "discarded",
          "not_found",
          "not_failed",
          "discarded",
          "discarded",
        ]);
        expect(await store.ended.discard({ ids: [] })).toEqual([]);
      },
    },
    {
      name: "of a retry and a discarding at once, one wins",
      async run({ store, other }) {
        for (let round = 0; round < 5; round++) {
          const { id } = await jobIn(store, "failed");
          const [retried, [dropped]] = await Promise.all([retryJob(store, id), other.ended.discard({ ids: [id] })]);
          const { status } = await readJob(store, id);
          if (retried === "retried") expect([status, dropped]).toEqual(["pending", "not_failed"]);
          else expect([status, retried, dropped]).toEqual(["failed", "discarded", "discarded"]);
        }
      },
    },
  ],
};
