import { createDatabase, type Database } from "../../../test/support/database.ts";
import { postgresStore } from "../src/postgres/index.ts";
import type { Store, StoreClock } from "../src/store.ts";
import { emptyTables, PostgresSessions } from "./postgres-sessions.ts";
import type { StoreExpectations } from "./describe-store.ts";
import type { World } from "./world.ts";

/** What every PostgreSQL shows. */
export const POSTGRES: StoreExpectations = {
  capabilities: { multiHost: true, namedHints: true },
  powers: ["concurrentWriters", "cutConnections", "holdSnapshot", "lockRow", "probe"],
  skips: [],
};

/** Makes databases for cases on one server. A migrated one is emptied and used again: a copy would take ten times as long. */
export class PostgresWorlds {
  readonly #server: string;
  readonly #schema: string;
  readonly #migrated: Database[] = [];

  constructor(server: string, schema = "public") {
    this.#server = server;
    this.#schema = schema;
  }

  readonly open = async ({ migrated }: { readonly migrated: boolean }): Promise<World> => {
    const database = (migrated ? this.#migrated.pop() : undefined) ?? (await createDatabase(this.#server));
    const { url } = database;
    const clock = { offsetMs: 0 };
    const [store, other] = [this.#store(url, clock), this.#store(url, clock)];
    const sessions = new PostgresSessions(url, this.#schema, clock);
    if (migrated) await store.migrate();
    return {
      store,
      other,
      clock,
      powers: sessions.powers,
      begin: sessions.begin,
      rows: sessions.rows,
      unreachable: () => ({
        store: postgresStore("postgres://ada:s3cr3t-w0rd@127.0.0.1:1/forge"),
        names: "127.0.0.1:1/forge",
        secrets: ["s3cr3t-w0rd"],
      }),
      dispose: async () => {
        await Promise.all([store.close(), other.close(), sessions.close()]);
        if (!migrated || sessions.isCrowded) return database.drop();
        await emptyTables(url, this.#schema);
        this.#migrated.push(database);
      },
    };
  };

  readonly close = async (): Promise<void> => {
    await Promise.all(this.#migrated.map((database) => database.drop()));
  };

  #store(url: string, clock: StoreClock): Store {
    return postgresStore({ url, clock, schema: this.#schema });
  }
}
