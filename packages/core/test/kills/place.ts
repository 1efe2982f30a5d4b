import type { Store, StoreClock } from "@forge-jobs/core";
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { settleCount } from "../support/settles.ts";
import type { Countdown } from "./statements.ts";
import { type Address, databaseAt, openStore } from "../support/stores.ts";

/** Where a life takes place, for the process that is killed and for those that come after it. */
export interface Place {
  readonly address: Address;
  /** The file to which everybody appends what was done. Outside the database: it stays, whatever becomes of a process. */
  readonly history: string;
  /** Of a mail server, where the life has to do with one. */
  readonly smtp?: string | undefined;
}

/** What the process of a life is told. */
export interface LifeSettings extends Place {
  /** The address of the module whose `live` it runs. */
  readonly life: string;
  /** After which statement it ends itself; 0: before the first that counts. */
  readonly killAfter: number;
}

/** A module that `LifeSettings.life` names. */
export interface LifeModule {
  live(place: Place, countdown: Countdown): Promise<void>;
}

export function note({ history }: Place, line: string): void {
  appendFileSync(history, `${line}\n`);
}

export function storeAt({ address }: Place, clock?: StoreClock): Store {
  return openStore(address, clock);
}

/** Waits until so many jobs have ended, by statements that do not count. */
export async function settled({ address }: Place, jobs: number): Promise<void> {
  const database = databaseAt(address);
  while ((await settleCount(database)) < jobs) await sleep(5);
}

/** Reads, by a statement that does not count. */
export function look({ address }: Place, sql: string): Promise<Record<string, unknown>[]> {
  return databaseAt(address).query(`${sql} -- test_settles`);
}
