import type { Database } from "./database.ts";
import type { Session } from "./session.ts";
import { unforeseen } from "./unforeseen-limit.ts";

/**
 * How many jobs more may be held of a queue with a global limit.
 *
 * Nothing counts up and down: the rows that workers hold are the count, so whatever ends or gives back a job makes room by
 * that alone. Whoever takes jobs counts and takes under one lock, so that no two count the same room.
 */
export class QueueRoom {
  readonly #database: Database;
  readonly #room: { readonly text: string };

  constructor(database: Database) {
    const { live, queues } = database.tables;
    this.#database = database;
    // Asks for an order and a limit that is none of its matter, so that the planner takes a plain index scan over what
    // workers hold, as the statement of the beat does.
    this.#room = {
      text: `SELECT greatest(0, q.global_concurrency - (SELECT count(*) FROM (
          SELECT FROM ${live} WHERE worker_id > '' AND NOT is_waiting AND queue = q.name ORDER BY worker_id LIMIT ${unforeseen("q.global_concurrency")}
        ) AS held))
        FROM ${queues} AS q WHERE q.name = $1 AND q.global_concurrency IS NOT NULL`,
    };
  }

  /**
   * Does `work` in a transaction while nobody else takes limited jobs of the queue, told how many there is room for.
   *
   * The lock is an advisory one, and not on the queue's row: that would be a write to the disk for every claim, and a queue
   * in which only some keys are limited has no row. It is taken by a statement of its own, since what is counted must be
   * seen after it.
   */
  within<T>(queue: string, work: (session: Session, room: number) => Promise<T>): Promise<T> {
    const lock = {
      name: `${this.#database.schema}.queue_lock`,
      text: "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
    };
    return this.#database.transaction(async (session) => {
      await session.run(lock, [`forge ${this.#database.schema} ${queue}`]);
      const [row] = await session.run<[number]>(this.#room, [queue]);
      return work(session, row?.[0] ?? Infinity);
    });
  }

  /** How many there is room for at the moment; without a limit, infinitely many. */
  async now(queue: string): Promise<number> {
    const [row] = await this.#database.run<[number]>(this.#room, [queue]);
    return row?.[0] ?? Infinity;
  }
}
