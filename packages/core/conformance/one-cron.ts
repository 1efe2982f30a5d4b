import type { CronAdvance, CronRegistration, CronRow, NewJob, Store } from "@forge-jobs/core";
import { newJob, only } from "./one-job.ts";

/** The instant that the cases count ticks from is the store's own, so they read it first. */
export async function storeNow(store: Store): Promise<number> {
  return (await store.crons.read({ names: [] })).now;
}

export function registration(overrides: Partial<CronRegistration> = {}): CronRegistration {
  return {
    name: "nightly",
    expression: "0 3 * * *",
    timezone: "Europe/Berlin",
    hash: "hash-1",
    catchUp: false,
    template: '{"queue":"default"}',
    ...overrides,
  };
}

export async function registerCron(
  store: Store,
  { takeOver = false, ...overrides }: Partial<CronRegistration> & { takeOver?: boolean } = {},
): Promise<CronRow> {
  const cron = registration(overrides);
  await store.crons.register({ crons: [cron], takeOver });
  return readCron(store, cron.name);
}

export async function readCron(store: Store, name = "nightly"): Promise<CronRow> {
  return only((await store.crons.read({ names: [name] })).crons);
}

/** A decision on the ground of this row that starts one run, unless the case says otherwise. */
export function tick(row: CronRow, lastTick: number, overrides: Partial<CronAdvance> = {}): CronAdvance {
  const { name, hash, turn } = row;
  return {
    name,
    hash,
    turn,
    lastTick,
    pending: [],
    skipped: [],
    runs: { jobs: [newJob()], scheduledAt: lastTick },
    ...overrides,
  };
}

/** The jobs of a decision that the store has. */
export async function jobsOf(store: Store, { runs }: CronAdvance): Promise<string[]> {
  const ids = (runs?.jobs ?? []).map(({ id }: NewJob) => id);
  return ids.length === 0 ? [] : (await store.jobs.get({ ids })).map(({ id }) => id).toSorted();
}
