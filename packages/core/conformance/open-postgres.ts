import { createDatabase, type Database } from "../../../test/support/database.ts";
import { postgresStore } from "../src/postgres/index.ts";
import type { Store, StoreClock } from "../src/store.ts";
import { PostgresSessions } from "./postgres-sessions.ts";
import type { StoreExpectations } from "./describe-store.ts";
import type { World } from "./world.ts";

/** What every PostgreSQL shows. */
export const POSTGRES: StoreExpectations = {
  capabilities: { multiHost: true, namedHints: true },
  powers: ["concurrentWriters", "cutConnections", "holdSnapshot", "lockRow", "probe"],
  skips: [],
};

/** Makes databases for cases on one server: copies of one that was migrated once. */
export class PostgresWorlds {
  readonly #server: string;
  readonly #schema: string;
  #template: Promise<Database> | undefined;

  constructor(server: string, schema = "public") {
    this.#server = server;
    this.#schema = schema;
  }

  readonly open = async ({ migrated }: { readonly migrated: boolean }): Promise<World> => {
    const template = migrated ? { template: (await (this.#template ??= this.#migrate())).name } : {};
    const { url, drop } = await createDatabase(this.#server, template);
    const clock = { offsetMs: 0 };
    const [store, other] = [this.#store(url, clock), this.#store(url, clock)];
    const sessions = new PostgresSessions(url, this.#schema, clock);
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
        await drop();
      },
    };
  };

  readonly close = async (): Promise<void> => {
    await (await this.#template)?.drop();
  };

  async #migrate(): Promise<Database> {
    const database = await createDatabase(this.#server);
    const store = this.#store(database.url, { offsetMs: 0 });
    await store.migrate();
    await store.close();
    return database;
  }

  #store(url: string, clock: StoreClock): Store {
    return postgresStore({ url, clock, schema: this.#schema });
  }
}
