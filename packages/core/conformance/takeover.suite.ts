import type { StoredJobStatus } from "@forge-jobs/protocol";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { claimJob, insertKeyed, keyClaim, readJob, retryJob, updateJob } from "./one-job.ts";
import { DEATH, rescueWorker } from "./one-worker.ts";
import type { Case, Suite } from "./suite.ts";

const RELEASING: readonly StoredJobStatus[] = ["failed", "dead_letter", "cancelled"];

const refusedRetry = (status: StoredJobStatus): Case => ({
  name: `a job that is ${status} is not retried while another holds its key, and is left as it was`,
  async run({ store }) {
    const { id } = await jobIn(store, status, { keys: [keyClaim("k")] });
    const before = await readJob(store, id);
    const holder = await insertKeyed(store, [keyClaim("k")]);
    expect(await retryJob(store, id)).toBe("key_held");
    expect(await readJob(store, id)).toEqual(before);
    expect(await insertKeyed(store, [keyClaim("k")])).toEqual({ id: holder.id, created: false });
  },
});

const takenAgain = (status: StoredJobStatus): Case => ({
  name: `a job that was ${status} holds its key again once it is retried`,
  async run({ store }) {
    const { id } = await jobIn(store, status, { keys: [keyClaim("k")] });
    expect(await retryJob(store, id)).toBe("retried");
    expect(await insertKeyed(store, [keyClaim("k")])).toEqual({ id, created: false });
  },
});

/** A key passes from a job to the next one, and back. */
export const takeoverSuite: Suite = {
  topic: "takeover",
  cases: [
    ...RELEASING.map(refusedRetry),
    ...RELEASING.map(takenAgain),
    {
      name: "a job is retried again once the other has released its key",
      async run({ store }) {
        const first = await jobIn(store, "failed", { keys: [keyClaim("k")] });
        const second = await jobIn(store, "failed", { keys: [keyClaim("k")] });
        expect(await retryJob(store, first.id)).toBe("retried");
        expect(await retryJob(store, second.id)).toBe("key_held");
      },
    },
    {
      name: "a job with several keys is not retried when one of them is held, and takes none",
      async run({ store }) {
        const { id } = await jobIn(store, "failed", { keys: [keyClaim("a"), keyClaim("b")] });
        await insertKeyed(store, [keyClaim("b")]);
        expect(await retryJob(store, id)).toBe("key_held");
        expect((await insertKeyed(store, [keyClaim("a")])).created).toBe(true);
      },
    },
    {
      name: "a job that still holds its own window is retried",
      async run({ store }) {
        const hour = { kind: "window", ms: 3_600_000 } as const;
        const { id } = await jobIn(store, "failed", { keys: [keyClaim("k", hour)] });
        expect(await retryJob(store, id)).toBe("retried");
        expect(await insertKeyed(store, [keyClaim("k", hour)])).toEqual({ id, created: false });
      },
    },
    {
      name: "of two jobs with one key that are retried in one batch, one gets it",
      async run({ store }) {
        const first = await jobIn(store, "failed", { keys: [keyClaim("k")] });
        const second = await jobIn(store, "failed", { keys: [keyClaim("k")] });
        const answer = await store.jobs.retry({ ids: [first.id, second.id] });
        expect(answer.toSorted()).toEqual(["key_held", "retried"]);
        const winner = answer[0] === "retried" ? first : second;
        expect(await insertKeyed(store, [keyClaim("k")])).toEqual({ id: winner.id, created: false });
      },
    },
    {
      name: "of a retry and a dispatch at once one gets the key",
      async run({ store, other }) {
        for (let round = 0; round < 10; round++) {
          const key = keyClaim(`k${round}`);
          const { id } = await jobIn(store, "failed", { keys: [key] });
          const [retried, dispatched] = await Promise.all([retryJob(store, id), insertKeyed(other, [key])]);
          if (retried === "retried") expect(dispatched).toEqual({ id, created: false });
          else expect({ retried, created: dispatched.created }).toEqual({ retried: "key_held", created: true });
          expect(await insertKeyed(store, [key])).toEqual({ id: dispatched.id, created: false });
        }
      },
    },
    {
      name: "a dispatch beside the end of the holder meets it, or makes a job after it",
      async run({ store, other }) {
        for (let round = 0; round < 10; round++) {
          const key = keyClaim(`k${round}`);
          const job = await jobIn(store, "running", { keys: [key] });
          const [, dispatched] = await Promise.all([
            updateJob(store, job, { outcome: OUTCOMES.completed }),
            insertKeyed(other, [key]),
          ]);
          if (dispatched.id === job.id) expect(dispatched.created).toBe(false);
          else expect(await insertKeyed(store, [key])).toEqual({ id: dispatched.id, created: false });
        }
      },
    },
    {
      name: "a retry keeps the rule of its key: after completion it is held as long as before",
      async run({ store }) {
        const forEver = { kind: "job", afterCompletionMs: null } as const;
        const job = await jobIn(store, "failed", { keys: [keyClaim("k", forEver)] });
        await retryJob(store, job.id);
        await updateJob(store, await claimJob(store, job), { started: true, outcome: OUTCOMES.completed });
        expect(await insertKeyed(store, [keyClaim("k", forEver)])).toEqual({ id: job.id, created: false });
      },
    },
    {
      name: "a former holder that becomes dead_letter does not release its successor's key",
      async run({ store }) {
        await jobIn(store, "failed", { keys: [keyClaim("k")] });
        const { id } = await insertKeyed(store, [keyClaim("k")]);
        expect(await store.sweeps.deadLetter({ afterMs: 0, limit: 100 })).toBe(1);
        expect(await insertKeyed(store, [keyClaim("k")])).toEqual({ id, created: false });
      },
    },
    {
      name: "a job that is cancelled while it runs holds its key until it has ended",
      async run({ store }) {
        const job = await jobIn(store, "cancel_requested", { keys: [keyClaim("k")] });
        await updateJob(store, job, { outcome: OUTCOMES.retry });
        expect((await readJob(store, job.id)).status).toBe("cancelled");
        expect((await insertKeyed(store, [keyClaim("k")])).created).toBe(true);
      },
    },
    {
      name: "a rescue keeps the keys of the jobs it gives back and releases those of the jobs it ends",
      async run({ store }) {
        const back = await jobIn(store, "running", { keys: [keyClaim("back")] });
        await rescueWorker(store, back.workerId);
        expect(await insertKeyed(store, [keyClaim("back")])).toEqual({ id: back.id, created: false });
        const cancelled = await jobIn(store, "cancel_requested", { keys: [keyClaim("cancelled")] });
        await rescueWorker(store, cancelled.workerId);
        expect((await insertKeyed(store, [keyClaim("cancelled")])).created).toBe(true);
        const { workerId } = await jobIn(store, "running", { keys: [keyClaim("dead")] });
        await store.workers.rescue({ workerId, because: "gone", maxDeaths: 1, death: DEATH });
        expect((await insertKeyed(store, [keyClaim("dead")])).created).toBe(true);
      },
    },
  ],
};
