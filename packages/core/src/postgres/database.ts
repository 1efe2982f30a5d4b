import pg from "pg";
import { setTimeout as sleep } from "node:timers/promises";
import { ForgeError } from "../errors.ts";
import { storeError, troubleOf } from "./database-error.ts";
import { type CheckedOptions, DEFAULT_SCHEMA } from "./options.ts";
import { pgSession, type Row, type Session, type Statement } from "./session.ts";

/** The schema-qualified, quoted names of the tables. */
export interface Tables {
  readonly live: string;
  readonly ended: string;
  readonly keys: string;
  readonly history: string;
  readonly leases: string;
  readonly workers: string;
  readonly queues: string;
  readonly saved: string;
  readonly logs: string;
  readonly rateLimits: string;
  readonly ratePlaces: string;
  readonly crons: string;
  readonly children: string;
  readonly runs: string;
  readonly steps: string;
  readonly signals: string;
  readonly meta: string;
}

/** For how long a statement is sent again that met a lost connection or a conflict. */
const PATIENCE_MS = 3_000;
const LONGEST_PAUSE_MS = 400;

const BEGIN: Statement = { text: "BEGIN ISOLATION LEVEL READ COMMITTED" };
const COMMIT: Statement = { text: "COMMIT" };
const ROLLBACK: Statement = { text: "ROLLBACK" };

/**
 * The connections of one store, and what all its verbs share: names, time, and when to send a statement again.
 *
 * Open until `close`; from then on every verb fails with `UNAVAILABLE`.
 */
export class Database {
  readonly schema: string;
  readonly isDefaultSchema: boolean;
  readonly tables: Tables;
  readonly address: string;
  readonly pool: pg.Pool;
  readonly #options: CheckedOptions;
  #closed = false;

  constructor(options: CheckedOptions) {
    const table = (name: string): string => `${pg.escapeIdentifier(options.schema)}.forge_${name}`;
    this.schema = options.schema;
    this.isDefaultSchema = options.schema === DEFAULT_SCHEMA;
    this.tables = {
      live: table("live"),
      ended: table("ended"),
      keys: table("keys"),
      history: table("history"),
      leases: table("leases"),
      workers: table("workers"),
      queues: table("queues"),
      saved: table("saved"),
      logs: table("logs"),
      rateLimits: table("rate_limits"),
      ratePlaces: table("rate_places"),
      crons: table("crons"),
      children: table("children"),
      runs: table("runs"),
      steps: table("steps"),
      signals: table("signals"),
      meta: table("meta"),
    };
    this.address = options.address;
    this.pool = options.pool;
    this.#options = options;
    // A pool that was passed in may have no listener, and an idle connection that breaks would end the process.
    this.pool.on("error", ignore);
    this.pool.on("connect", ignoreErrors);
  }

  /** What tests add to the database's time, in milliseconds. */
  get offsetMs(): number {
    return this.#options.clock.offsetMs;
  }

  /** Runs one statement, again where that can help. Throws the `ForgeError` that tells why it failed. */
  run<R extends Row>(statement: Statement, values: readonly unknown[]): Promise<R[]> {
    return this.retrying(() => this.connected((session) => session.run<R>(statement, values)));
  }

  /** Runs `work` in a transaction at READ COMMITTED, again as a whole where that can help. */
  transaction<T>(work: (session: Session, again: boolean) => Promise<T>): Promise<T> {
    return this.retrying((again) =>
      this.connected(async (session) => {
        await session.run(BEGIN, []);
        try {
          const result = await work(session, again);
          await session.run(COMMIT, []);
          return result;
        } catch (error) {
          if (troubleOf(error) !== "lost") await session.run(ROLLBACK, []);
          throw error;
        }
      }),
    );
  }

  /**
   * Does `work` until it succeeds, fails for a reason that stays, or patience ends. `again` tells that an attempt before
   * may have succeeded, its answer lost.
   */
  async retrying<T>(work: (again: boolean) => Promise<T>): Promise<T> {
    const deadline = performance.now() + PATIENCE_MS;
    for (let tries = 0; ; tries++) {
      try {
        return await work(tries > 0);
      } catch (error) {
        const trouble = troubleOf(error);
        const passing = trouble === "lost" || trouble === "conflict";
        // Jitter keeps two processes that met once from meeting again.
        const pause = Math.min(10 * 2 ** tries, LONGEST_PAUSE_MS) * (0.5 + Math.random());
        if (!passing || this.#closed || performance.now() + pause > deadline) throw this.#explained(error);
        await sleep(pause);
      }
    }
  }

  /** Lends a connection for `work`, which runs once; it is dropped instead of used again if it breaks. */
  async connected<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    client.on("error", ignore);
    let broken = false;
    try {
      return await work(pgSession(client, this.#options.preparedStatements));
    } catch (error) {
      broken = troubleOf(error) === "lost";
      throw error;
    } finally {
      client.off("error", ignore);
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#options.ownsPool) await this.pool.end();
    this.pool.off("error", ignore);
    this.pool.off("connect", ignoreErrors);
  }

  #explained(error: unknown): ForgeError {
    if (this.#closed) {
      return new ForgeError("UNAVAILABLE", `The store at ${this.address} is closed; make another one.`, {
        cause: error,
      });
    }
    return storeError(error, this.address);
  }
}

// Whoever waits for an answer on that connection hears of the loss; this only keeps the event from ending the process.
function ignore(): void {}

// The pool takes its own listener off before it hands a new connection out, and one that the server ends in the same moment
// would end the process.
function ignoreErrors(client: pg.PoolClient): void {
  client.on("error", ignore);
}
