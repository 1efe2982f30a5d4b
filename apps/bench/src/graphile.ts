import { Logger, makeWorkerUtils, run, type RunnerOptions } from "graphile-worker";
import pg from "pg";
import { createDatabase } from "../../../test/support/database.ts";
import { type Contender, inputs, StartCount } from "./contender.ts";
import { POOL_SIZE } from "./settings.ts";

const silent = new Logger(() => () => {});

/**
 * graphile-worker 0.18. The drain uses what its documentation recommends for throughput (a local queue of 500 and batched
 * completion); the pickup its defaults, which its documentation recommends for latency.
 */
export function graphileWorker(serverUrl: string): Contender {
  return {
    name: "graphile-worker",
    open: async ({ url } = {}) => {
      const database = url === undefined ? await createDatabase(serverUrl) : { url, drop: async () => {} };
      const pool = new pg.Pool({ connectionString: database.url, max: POOL_SIZE });
      pool.on("error", () => {});
      const utils = await makeWorkerUtils({ pgPool: pool, logger: silent });
      await utils.migrate();
      let onStart = (): void => {};
      const base: RunnerOptions = {
        pgPool: pool,
        logger: silent,
        noHandleSignals: true,
        taskList: { noop: async () => onStart() },
      };
      const runners: { stop(): Promise<void> }[] = [];
      return {
        dispatch: async (jobs, batch, inputBytes = 0) => {
          for (let from = 0; from < jobs; from += batch) {
            const payloads = inputs(from, batch, inputBytes);
            await utils.addJobs(payloads.map((payload) => ({ identifier: "noop", payload })));
          }
        },
        drain: async (jobs, concurrency) => {
          const count = new StartCount(jobs);
          onStart = count.onStart;
          const runner = await run({
            ...base,
            concurrency,
            preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
          });
          await count.done;
          await runner.stop();
          return performance.now() - count.from;
        },
        pickup: async () => {
          runners.push(await run(base));
          return async () => {
            const started = Promise.withResolvers<number>();
            onStart = () => started.resolve(performance.now());
            const from = performance.now();
            await utils.addJob("noop", { n: 0 });
            return (await started.promise) - from;
          };
        },
        close: async () => {
          await Promise.all(runners.map((runner) => runner.stop()));
          await utils.release();
          await pool.end();
          await database.drop();
        },
      };
    },
  };
}
