import { Logger, makeWorkerUtils, run, type RunnerOptions } from "graphile-worker";
import pg from "pg";
import { createDatabase } from "../../../test/support/database.ts";
import type { Contender } from "./contender.ts";
import { POOL_SIZE } from "./settings.ts";

const silent = new Logger(() => () => {});

/**
 * graphile-worker 0.18. The drain uses what its documentation recommends for throughput (a local queue of 500 and batched
 * completion); the pickup its defaults, which its documentation recommends for latency.
 */
export function graphileWorker(serverUrl: string): Contender {
  return {
    name: "graphile-worker",
    open: async () => {
      const database = await createDatabase(serverUrl);
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
        dispatch: async (jobs, batch) => {
          for (let from = 0; from < jobs; from += batch) {
            await utils.addJobs(
              Array.from({ length: batch }, (_, n) => ({ identifier: "noop", payload: { n: from + n } })),
            );
          }
        },
        drain: async (jobs, concurrency) => {
          const done = Promise.withResolvers<void>();
          let started = 0;
          let from = 0;
          onStart = () => {
            if (started === 0) from = performance.now();
            if (++started === jobs) done.resolve();
          };
          const runner = await run({
            ...base,
            concurrency,
            preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
          });
          await done.promise;
          await runner.stop();
          return performance.now() - from;
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
