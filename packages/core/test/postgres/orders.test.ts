import { createForge, defineJob, type ForgeOptions } from "@forge-jobs/core";
import { postgresStore } from "@forge-jobs/core/postgres";
import { expect, inject, test } from "vitest";
import { until } from "../../../../test/support/until.ts";
import { postgresDatabase } from "../support/stores.ts";
import { openPooler } from "./pooler.ts";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

test("a worker that no notification reaches heeds a pause all the same, long before its next beat", async () => {
  await using database = await postgresDatabase(inject("postgres")[18]);
  const url = (database.address as { postgres: string }).postgres;
  await using pooler = await openPooler(url);
  const ran: string[] = [];
  const job = defineJob("work", { run: (ctx) => void ran.push(ctx.jobId) });
  const engine = (store: string, worker: ForgeOptions["worker"]) =>
    createForge({
      store: postgresStore({ url: store, preparedStatements: false }),
      jobs: [job],
      worker: worker!,
      logger: quiet,
    });
  const [deaf, ops] = [engine(pooler.url, { lease: "1h" }), engine(url, false)];
  try {
    await deaf.start();
    await ops.start();
    await ops.queues.pause("default");
    const id = await ops.dispatch(job, {});
    expect(await ops.workers.list()).toHaveLength(1);
    await ops.queues.resume("default");
    await until(() => ran.includes(id), { what: "the job to run after the resume" });
  } finally {
    await Promise.all([deaf.stop(), ops.stop()]);
  }
});
