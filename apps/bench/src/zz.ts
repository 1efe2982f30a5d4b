import { createForge, defineJob } from "@forge-jobs/core";
import { postgresStore } from "@forge-jobs/core/postgres";
import { createDatabase } from "../../../test/support/database.ts";
import { startPostgres } from "../../../test/support/postgres.ts";
const server = await startPostgres(18);
const N = 20000;
for (let r = 0; r < 4; r++) {
  const db = await createDatabase(server.url);
  let c = 0, t0 = 0; const done = Promise.withResolvers<void>();
  const noop = defineJob("noop", { run: () => { if (c === 0) t0 = performance.now(); if (++c === N) done.resolve(); } });
  const d = createForge({ store: postgresStore(db.url), jobs: [noop], worker: false }); await d.start();
  for (let i = 0; i < N; i += 1000) await d.dispatchMany(noop, Array.from({ length: 1000 }, (_, n) => ({ n: i + n })));
  const store = postgresStore(db.url);
  const stat: Record<string, number[][]> = {};
  const j = store.jobs as any;
  for (const k of ["claim", "update", "nextDue"]) { const f = j[k].bind(j); j[k] = async (a: any) => { const s = performance.now(); const x = await f(a); (stat[k] ??= []).push([performance.now() - s, Array.isArray(x) ? x.length : 0, s - t0]); return x; }; }
  const w = createForge({ store, jobs: [noop], worker: { queues: { default: 24 } } }); await w.start();
  await done.promise; const e0 = performance.now(); await w.stop();
  const e = performance.now();
  console.log("drain/s", Math.round(N / (e - t0) * 1000), "ms", Math.round(e - t0), "tail", Math.round(e - e0));
  for (const k in stat) { const v = stat[k]!; console.log(" ", k, "calls", v.length, "rows", v.reduce((a, b) => a + b[1]!, 0), "total ms", Math.round(v.reduce((a, b) => a + b[0]!, 0)), v.slice(0, 12).map(x => `${x[1]}@${Math.round(x[2]!)}:${x[0]!.toFixed(1)}ms`).join(" ")); }
  await d.stop(); await db.drop();
}
await server.stop();
