import { PgBoss } from "pg-boss";
import { createDatabase } from "../../../test/support/database.ts";
import { type Contender, inputs, StartCount } from "./contender.ts";
import { POOL_SIZE } from "./settings.ts";

const QUEUE = "noop";
/** Jobs of one fetch. Tried from 50 to 1,000 on the machine of the report: no other size drained faster. */
const BATCH = 500;

/**
 * pg-boss 12. The drain fetches in batches and goes on at once while they come back full; the pickup uses LISTEN and NOTIFY,
 * which its documentation recommends for latency.
 */
export function pgBoss(serverUrl: string): Contender {
  return {
    name: "pg-boss",
    open: async () => {
      const database = await createDatabase(serverUrl);
      const options = { connectionString: database.url, max: POOL_SIZE, schedule: false, useListenNotify: true };
      const boss = new PgBoss(options);
      boss.on("error", () => {});
      await boss.start();
      await boss.createQueue(QUEUE, { notify: true });
      return {
        dispatch: async (jobs, batch, inputBytes = 0) => {
          for (let from = 0; from < jobs; from += batch) {
            await boss.insert(
              QUEUE,
              inputs(from, batch, inputBytes).map((data) => ({ data })),
            );
          }
        },
        drain: async (jobs, concurrency) => {
          const count = new StartCount(jobs);
          const work = {
            localConcurrency: Math.min(concurrency, POOL_SIZE),
            batchSize: BATCH,
            burstWhenBatchFull: true,
          };
          await boss.work(QUEUE, work, async (batch) => {
            for (const _ of batch) count.onStart();
          });
          await count.done;
          // Resolves once the workers are idle, and their batches completed.
          await boss.offWork(QUEUE, { wait: true });
          return performance.now() - count.from;
        },
        pickup: async () => {
          let onStart = (): void => {};
          await boss.work(QUEUE, { batchSize: 1 }, async () => onStart());
          return async () => {
            const started = Promise.withResolvers<number>();
            onStart = () => started.resolve(performance.now());
            const from = performance.now();
            await boss.send(QUEUE, { n: 0 });
            return (await started.promise) - from;
          };
        },
        close: async () => {
          await boss.stop({ graceful: false, close: true });
          await database.drop();
        },
      };
    },
  };
}
