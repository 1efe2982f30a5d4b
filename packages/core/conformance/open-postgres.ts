import { createDatabase, type Database } from "../../../test/support/database.ts";
import { postgresStore, type PostgresStoreOptions } from "../src/postgres/index.ts";
import type { Store, StoreClock } from "../src/store.ts";
import { release1 } from "../test/fixtures/release-1/release-1.ts";
import { emptyTables, PostgresSessions } from "./postgres-sessions.ts";
import type { StoreExpectations } from "./describe-store.ts";
import { SUITES } from "./suites.ts";
import type { Powers, World } from "./world.ts";

/** What every PostgreSQL shows. */
export const POSTGRES: StoreExpectations = {
  capabilities: { multiHost: true, namedHints: true },
  powers: ["concurrentWriters", "cutConnections", "holdSnapshot", "lockRow", "notifications", "probe", "release1"],
  skips: [],
};

/** What it still shows behind a transaction pooler, which loses notifications; its plans are the same. */
export const POOLED_POSTGRES: StoreExpectations = {
  capabilities: POSTGRES.capabilities,
  powers: POSTGRES.powers.filter((power) => power !== "notifications" && power !== "probe"),
  skips: SUITES.flatMap(({ topic, cases }) =>
    cases
      .filter(({ needs = [] }) => needs.includes("notifications") || needs.includes("probe"))
      .map(({ name }) => `${topic} > ${name}`),
  ),
};

function pooled({ notifications: _lost, probe: _same, ...powers }: PostgresSessions["powers"]): Partial<Powers> {
  return powers;
}

interface Wiring {
  readonly schema?: string;
  /** Turns a database's URL into the one that the stores get; the cases themselves go straight to the database. */
  readonly through?: (url: string) => string;
}

/** Makes databases for cases on one server. A migrated one is emptied and used again: a copy would take ten times as long. */
export class PostgresWorlds {
  readonly #server: string;
  readonly #schema: string;
  readonly #through: ((url: string) => string) | undefined;
  readonly #migrated: Database[] = [];

  constructor(server: string, { schema = "public", through }: Wiring = {}) {
    this.#server = server;
    this.#schema = schema;
    this.#through = through;
  }

  readonly open = async ({ migrated }: { readonly migrated: boolean }): Promise<World> => {
    const database = (migrated ? this.#migrated.pop() : undefined) ?? (await createDatabase(this.#server));
    const { url } = database;
    const clock = { offsetMs: 0 };
    const options = this.#options(url, clock);
    const [store, other] = [postgresStore(options), postgresStore(options)];
    const earlier: Store[] = [];
    const sessions = new PostgresSessions(url, this.#schema, clock);
    if (migrated) await store.migrate();
    return {
      store,
      other,
      clock,
      powers: {
        ...(this.#through === undefined ? sessions.powers : pooled(sessions.powers)),
        release1: () => {
          const old = release1.postgresStore(options);
          earlier.push(old);
          return old;
        },
      },
      begin: sessions.begin,
      rows: sessions.rows,
      unreachable: () => ({
        store: postgresStore("postgres://ada:s3cr3t-w0rd@127.0.0.1:1/forge"),
        names: "127.0.0.1:1/forge",
        secrets: ["s3cr3t-w0rd"],
      }),
      dispose: async () => {
        await Promise.all([store, other, ...earlier, sessions].map((one) => one.close()));
        if (!migrated || sessions.isCrowded) return database.drop();
        await emptyTables(url, this.#schema);
        this.#migrated.push(database);
      },
    };
  };

  readonly close = async (): Promise<void> => {
    await Promise.all(this.#migrated.map((database) => database.drop()));
  };

  #options(url: string, clock: StoreClock): PostgresStoreOptions {
    const options = { url, clock, schema: this.#schema };
    return this.#through === undefined ? options : { ...options, url: this.#through(url), preparedStatements: false };
  }
}
