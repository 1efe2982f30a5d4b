import { JOB_STATUSES } from "@forge-jobs/protocol";
import { expect } from "./expect.ts";
import { jobIn, OUTCOMES } from "./job-in.ts";
import { insertJob, readJob, updateJob } from "./one-job.ts";
import type { Suite } from "./suite.ts";
import { advance } from "./world.ts";

/** The columns that operators may query by name. */
const COLUMNS = `
  id job_type queue priority status input output error progress message attempts max_attempts owner parent_id revision
  created_at scheduled_at claimed_at started_at completed_at failed_at cancel_requested_at cancelled_at discarded_at
`
  .trim()
  .split(/\s+/);

/** `forge_jobs`, as operators query it with plain SQL. */
export const viewSuite: Suite = {
  topic: "view",
  cases: [
    {
      name: "live and ended jobs have every documented column",
      async run({ store, rows }) {
        for (const status of ["pending", "completed"] as const) {
          const { id } = await jobIn(store, status);
          const [row] = await rows(`SELECT * FROM forge_jobs WHERE id = '${id}'`);
          expect(Object.keys(row!)).toEqual(expect.arrayContaining(COLUMNS));
        }
      },
    },
    {
      name: "every status is found by its name",
      async run({ store, rows }) {
        for (const status of JOB_STATUSES) {
          const { id } = await jobIn(store, status);
          expect(await rows(`SELECT id FROM forge_jobs WHERE status = '${status}'`)).toEqual([{ id }]);
        }
      },
    },
    {
      name: "a row says what the job's record says",
      async run({ store, rows }) {
        const pick = `SELECT job_type, queue, priority, owner, message, error, attempts, max_attempts, revision FROM forge_jobs`;
        const overrides = { queue: "media", priority: "high", owner: "ada", maxAttempts: 4 } as const;
        const running = await jobIn(store, "running", overrides);
        await updateJob(store, running, { progress: 40, message: "Fetching users..." });
        const failed = await jobIn(store, "failed", overrides);
        for (const { id, type } of [running, failed]) {
          const job = await readJob(store, id);
          const [row] = await rows(`${pick} WHERE id = '${id}'`);
          expect({ ...row, revision: Number(row!["revision"]) }).toEqual({
            job_type: type,
            queue: "media",
            priority: "high",
            owner: "ada",
            message: job.message,
            error: job.error,
            attempts: 1,
            max_attempts: 4,
            revision: job.revision,
          });
        }
      },
    },
    {
      name: "the dead are listed by the time of their failure",
      async run(world) {
        const { store, rows } = world;
        const first = await jobIn(store, "running");
        const second = await jobIn(store, "running");
        await updateJob(store, second, { outcome: OUTCOMES.dead_letter });
        advance(world, 1_000);
        await updateJob(store, first, { outcome: OUTCOMES.dead_letter });
        await insertJob(store);
        const found = await rows("SELECT * FROM forge_jobs WHERE status = 'dead_letter' ORDER BY failed_at DESC");
        expect(found.map(({ id }) => id)).toEqual([first.id, second.id]);
      },
    },
  ],
};
