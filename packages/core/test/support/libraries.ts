import { sql as drizzleSql } from "drizzle-orm";
import { drizzle as drizzleOverPg } from "drizzle-orm/node-postgres";
import { drizzle as drizzleOverPostgresJs } from "drizzle-orm/postgres-js";
import makeKnex from "knex";
import { CamelCasePlugin, Kysely, PostgresDialect } from "kysely";
import pg from "pg";
import postgres from "postgres";
import { prismaClient } from "./prisma-client.ts";

/** A transaction of a user's, as its library hands it out. */
interface UsersTransaction {
  /** What goes into `{ tx }`. */
  readonly tx: unknown;
  /** Writes a row of the table `orders` by the library's own means. */
  readonly insertOrder: (id: number) => Promise<unknown>;
}

/** One library on one database. */
export interface OpenLibrary {
  /** Commits if `work` resolves, and rolls back if it rejects, which is then passed on. */
  transaction<T>(work: (transaction: UsersTransaction) => Promise<T>): Promise<T>;
  /** What a user may pass by mistake: the library's own object, without a transaction. */
  readonly outside: unknown;
  close(): Promise<unknown>;
}

interface Orders {
  orders: { id: number; item: string };
}

const ITEM = 'a "quoted" item';

/** Every library whose transactions `tx` takes on PostgreSQL, by the name that tests give it. */
export const LIBRARIES: Readonly<Record<string, (url: string) => OpenLibrary>> = {
  pg: (url) => {
    const pool = new pg.Pool({ connectionString: url });
    return {
      async transaction(work) {
        const client = await pool.connect();
        try {
          await client.query("BEGIN");
          const insertOrder = (id: number): Promise<unknown> =>
            client.query("INSERT INTO orders VALUES ($1, $2)", [id, ITEM]);
          const result = await work({ tx: client, insertOrder });
          await client.query("COMMIT");
          return result;
        } catch (error) {
          await client.query("ROLLBACK");
          throw error;
        } finally {
          client.release();
        }
      },
      outside: pool,
      close: () => pool.end(),
    };
  },

  "postgres.js": (url) => {
    const sql = postgres(url, { onnotice: () => {} });
    return {
      transaction: async <T>(work: (transaction: UsersTransaction) => Promise<T>) =>
        (await sql.begin((tx) =>
          work({ tx, insertOrder: (id) => tx`INSERT INTO orders VALUES (${id}, ${ITEM})` }),
        )) as T,
      outside: sql,
      close: () => sql.end(),
    };
  },

  "postgres.js without types": (url) => {
    const sql = postgres(url, { fetch_types: false, transform: postgres.camel });
    return {
      transaction: async <T>(work: (transaction: UsersTransaction) => Promise<T>) =>
        (await sql.begin((tx) =>
          work({ tx, insertOrder: (id) => tx`INSERT INTO orders VALUES (${id}, ${ITEM})` }),
        )) as T,
      outside: sql,
      close: () => sql.end(),
    };
  },

  "Drizzle over pg": (url) => {
    const pool = new pg.Pool({ connectionString: url });
    const db = drizzleOverPg(pool);
    return {
      transaction: (work) =>
        db.transaction((tx) =>
          work({ tx, insertOrder: (id) => tx.execute(drizzleSql`INSERT INTO orders VALUES (${id}, ${ITEM})`) }),
        ),
      outside: db,
      close: () => pool.end(),
    };
  },

  "Drizzle over postgres.js": (url) => {
    const sql = postgres(url);
    const db = drizzleOverPostgresJs(sql);
    return {
      transaction: (work) =>
        db.transaction((tx) =>
          work({ tx, insertOrder: (id) => tx.execute(drizzleSql`INSERT INTO orders VALUES (${id}, ${ITEM})`) }),
        ),
      outside: db,
      close: () => sql.end(),
    };
  },

  Kysely: (url) => {
    const dialect = new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) });
    const db = new Kysely<Orders>({ dialect, plugins: [new CamelCasePlugin()] });
    return {
      transaction: (work) =>
        db
          .transaction()
          .execute((tx) =>
            work({ tx, insertOrder: (id) => tx.insertInto("orders").values({ id, item: ITEM }).execute() }),
          ),
      outside: db,
      close: () => db.destroy(),
    };
  },

  "Kysely, controlled": (url) => {
    const db = new Kysely<Orders>({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) }) });
    return {
      async transaction(work) {
        const tx = await db.startTransaction().execute();
        try {
          const insertOrder = (id: number): Promise<unknown> =>
            tx.insertInto("orders").values({ id, item: ITEM }).execute();
          const result = await work({ tx, insertOrder });
          await tx.commit().execute();
          return result;
        } catch (error) {
          await tx.rollback().execute();
          throw error;
        }
      },
      outside: db,
      close: () => db.destroy(),
    };
  },

  Knex: (url) => {
    const knex = makeKnex({ client: "pg", connection: url });
    return {
      transaction: (work) =>
        knex.transaction((tx) => work({ tx, insertOrder: async (id) => tx("orders").insert({ id, item: ITEM }) })),
      outside: knex,
      close: () => knex.destroy(),
    };
  },

  Prisma: (url) => {
    const prisma = prismaClient(url);
    return {
      transaction: (work) =>
        prisma.$transaction((tx) => work({ tx, insertOrder: (id) => tx.order.create({ data: { id, item: ITEM } }) })),
      outside: prisma,
      close: () => prisma.$disconnect(),
    };
  },
};
