import { Queue, Worker } from "bullmq";
import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { type Contender, inputs, StartCount } from "./contender.ts";

/** BullMQ 6 on the Redis that answers at `url`, as that server is set up; null where none answers. */
export async function bullmq(url: string): Promise<Contender | null> {
  const probe = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 1_000 });
  probe.on("error", () => {});
  try {
    await probe.connect();
  } catch {
    return null;
  } finally {
    probe.disconnect();
  }
  return {
    name: "BullMQ",
    open: async () => {
      const connection = { url, maxRetriesPerRequest: null };
      const name = `bench-${randomUUID()}`;
      const queue = new Queue(name, { connection });
      const workers: Worker[] = [];
      return {
        dispatch: async (jobs, batch, inputBytes = 0) => {
          for (let from = 0; from < jobs; from += batch) {
            await queue.addBulk(inputs(from, batch, inputBytes).map((data) => ({ name: "noop", data })));
          }
        },
        drain: async (jobs, concurrency) => {
          const count = new StartCount(jobs);
          const worker = new Worker(name, async () => count.onStart(), { connection, concurrency });
          workers.push(worker);
          await count.done;
          // Waits for the jobs under way, so for their completion.
          await worker.close();
          return performance.now() - count.from;
        },
        pickup: async () => {
          let onStart = (): void => {};
          const worker = new Worker(name, async () => onStart(), { connection });
          workers.push(worker);
          await worker.waitUntilReady();
          return async () => {
            const started = Promise.withResolvers<number>();
            onStart = () => started.resolve(performance.now());
            const from = performance.now();
            await queue.add("noop", { n: 0 });
            return (await started.promise) - from;
          };
        },
        close: async () => {
          await Promise.all(workers.map((worker) => worker.close()));
          await queue.obliterate({ force: true });
          await queue.close();
        },
      };
    },
  };
}
