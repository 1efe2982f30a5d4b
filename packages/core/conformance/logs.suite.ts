import { JOB_STATUSES, SETTLED_JOB_STATUSES, type StoredJobStatus } from "@forge-jobs/protocol";
import type { LogLine, LogRecord, Store } from "@forge-jobs/core";
import { expect } from "./expect.ts";
import { jobIn } from "./job-in.ts";
import { newJob, readJob } from "./one-job.ts";
import type { Case, Suite } from "./suite.ts";

const line = (jobId: string, message: string, more: Partial<LogLine & { agoMs: number }> = {}) => ({
  jobId,
  level: "info" as const,
  attempt: 1,
  message,
  fields: null,
  agoMs: 0,
  ...more,
});

const many = (jobId: string, from: number, count: number) =>
  Array.from({ length: count }, (_, n) => line(jobId, `line ${from + n}`));

async function logsOf(store: Store, jobId: string): Promise<LogRecord[]> {
  return store.logs.read({ jobIds: [jobId] });
}

async function messagesOf(store: Store, jobId: string): Promise<string[]> {
  return (await logsOf(store, jobId)).map(({ message }) => message);
}

const kept = (status: StoredJobStatus): Case => ({
  name: `lines of a job that is ${status} are kept, and no revision rises`,
  async run({ store, other }) {
    const job = await jobIn(store, status);
    const before = await readJob(store, job.id);
    await store.logs.write({ lines: [line(job.id, "hello", { fields: '{"n":1}', level: "warn", attempt: 3 })] });
    expect(await logsOf(other, job.id)).toEqual([
      { jobId: job.id, level: "warn", attempt: 3, message: "hello", fields: '{"n":1}', at: expect.any(Number) },
    ]);
    expect(await readJob(store, job.id)).toEqual(before);
  },
});

const deleted = (status: StoredJobStatus): Case => ({
  name: `lines of a job that was ${status} go with it`,
  async run({ store, rows }) {
    const [job, other] = [await jobIn(store, status), await jobIn(store, status)];
    await store.logs.write({ lines: [line(job.id, "gone"), line(other.id, "stays")] });
    await store.ended.delete({ ids: [job.id] });
    expect(await rows("SELECT job_id, message FROM forge_logs")).toEqual([{ job_id: other.id, message: "stays" }]);
    await store.logs.write({ lines: [line(job.id, "too late")] });
    expect(await logsOf(store, job.id)).toEqual([]);
  },
});

/** What handlers logged. */
export const logsSuite: Suite = {
  topic: "logs",
  cases: [
    ...JOB_STATUSES.map(kept),
    ...SETTLED_JOB_STATUSES.map(deleted),
    {
      name: "lines keep the order in which they were written, whatever their age says",
      async run({ store }) {
        const [a, b] = [await jobIn(store, "running"), await jobIn(store, "running")];
        await store.logs.write({ lines: [line(a.id, "1", { agoMs: 5_000 }), line(b.id, "x"), line(a.id, "2")] });
        await store.logs.write({ lines: [line(a.id, "3", { agoMs: 9_000 })] });
        const lines = await logsOf(store, a.id);
        expect(lines.map(({ message }) => message)).toEqual(["1", "2", "3"]);
        expect(lines[1]!.at - lines[0]!.at).toBe(5_000);
        const both = await store.logs.read({ jobIds: [b.id, a.id] });
        expect(both.map(({ message }) => message)).toEqual(["x", "1", "2", "3"]);
      },
    },
    {
      name: "the last 200 lines of each job are kept, over batches and within one",
      async run({ store, rows }) {
        const [a, b] = [await jobIn(store, "running"), await jobIn(store, "running")];
        await store.logs.write({ lines: [...many(a.id, 0, 150), ...many(b.id, 0, 10)] });
        await store.logs.write({ lines: many(a.id, 150, 100) });
        expect(await messagesOf(store, a.id)).toEqual(many("", 50, 200).map(({ message }) => message));
        expect(await rows(`SELECT seq FROM forge_logs WHERE job_id = '${a.id}'`)).toHaveLength(200);
        await store.logs.write({ lines: many(a.id, 1_000, 450) });
        expect(await messagesOf(store, a.id)).toEqual(many("", 1_250, 200).map(({ message }) => message));
        expect(await rows(`SELECT seq FROM forge_logs WHERE job_id = '${a.id}'`)).toHaveLength(200);
        expect(await messagesOf(store, b.id)).toHaveLength(10);
      },
    },
    {
      name: "lines of a job that does not exist are dropped, and the others of the batch are kept",
      async run({ store, rows }) {
        const job = await jobIn(store, "running");
        await store.logs.write({ lines: [line(newJob().id, "nobody's"), line(job.id, "mine")] });
        expect(await rows("SELECT job_id, message FROM forge_logs")).toEqual([{ job_id: job.id, message: "mine" }]);
        await store.logs.write({ lines: [] });
        expect(await store.logs.read({ jobIds: [] })).toEqual([]);
      },
    },
  ],
};
