import pg from "pg";
import { ForgeError } from "../errors.ts";
import type { StoreClock } from "../store.ts";

/** Where the store's database is, and how to talk to it. Pass `url` or `pool`. */
export interface PostgresStoreOptions {
  /** A connection URL, `postgres://user:password@host:port/database`. The store makes a pool of at most 10 connections. */
  readonly url?: string;
  /** A `pg` pool to use instead; it stays open when the store closes. The connection that listens is made besides. */
  readonly pool?: pg.Pool;
  /** The schema that holds Forge's tables; made by `migrate()` where it is missing. Default: "public". */
  readonly schema?: string;
  /** Whether to keep named statements on connections; set it to false behind a transaction pooler. Default: true. */
  readonly preparedStatements?: boolean;
  /** A clock for tests: its offset is added to the database's time wherever the store looks at it. Default: no offset. */
  readonly clock?: StoreClock;
}

/** The options of a store, checked and filled up. */
export interface CheckedOptions {
  readonly pool: pg.Pool;
  readonly ownsPool: boolean;
  readonly schema: string;
  readonly preparedStatements: boolean;
  readonly clock: StoreClock;
  /** The database for people, without the password. */
  readonly address: string;
}

export const DEFAULT_SCHEMA = "public";

const NAMES: readonly string[] = ["url", "pool", "schema", "preparedStatements", "clock"];
const POOL_SIZE = 10;
const CONNECT_MS = 10_000;
/** Far beyond any statement of ours; without it a network that swallows packets would hang a verb for good. */
const ANSWER_MS = 30_000;
/** A NOTIFY channel holds 63 bytes, of which the schema may take what the channel's own name leaves. */
const SCHEMA_BYTES = 40;

/** Checks what a user passes to `postgresStore`. Throws `BAD_REQUEST`. */
export function checkOptions(options: string | PostgresStoreOptions): CheckedOptions {
  const given = typeof options === "string" ? { url: options } : options;
  for (const name of Object.keys(given)) {
    if (!NAMES.includes(name)) {
      throw new ForgeError("BAD_REQUEST", `postgresStore has no option "${name}"; it takes ${NAMES.join(", ")}.`);
    }
  }
  const { url, pool, schema = DEFAULT_SCHEMA, preparedStatements = true, clock = { offsetMs: 0 } } = given;
  if ((url === undefined) === (pool === undefined)) {
    throw new ForgeError("BAD_REQUEST", "postgresStore takes a url or a pool, one of the two.");
  }
  checkSchemaName(schema);
  return {
    pool: pool === undefined ? poolOf(url) : checkPool(pool),
    ownsPool: pool === undefined,
    schema,
    preparedStatements,
    clock,
    address: addressOf(pool === undefined ? { connectionString: url } : pool.options),
  };
}

function poolOf(url: unknown): pg.Pool {
  if (typeof url !== "string" || !/^postgres(ql)?:\/\//.test(url)) {
    throw new ForgeError("BAD_REQUEST", "postgresStore needs a URL that begins with postgres://.");
  }
  const pool = new pg.Pool({
    connectionString: url,
    max: POOL_SIZE,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: ANSWER_MS,
    keepAlive: true,
    fallback_application_name: "forge",
  });
  // The next statement meets the same trouble and reports it; without a listener it would end the process.
  pool.on("error", () => {});
  return pool;
}

function checkPool(pool: pg.Pool): pg.Pool {
  if (typeof pool.connect !== "function" || typeof pool.query !== "function" || pool.options === undefined) {
    throw new ForgeError("BAD_REQUEST", "postgresStore's option pool takes a Pool of the package pg.");
  }
  return pool;
}

function checkSchemaName(schema: string): void {
  const fits = typeof schema === "string" && schema !== "" && Buffer.byteLength(schema) <= SCHEMA_BYTES;
  if (!fits || schema.includes("\0") || !schema.isWellFormed() || /^pg_/i.test(schema)) {
    throw new ForgeError(
      "BAD_REQUEST",
      `schema must be a name of 1 to ${SCHEMA_BYTES} bytes that does not begin with pg_; got ${JSON.stringify(schema)}.`,
    );
  }
}

function addressOf(config: pg.ClientConfig): string {
  let client: pg.Client;
  try {
    // Not connected: it only works out host, port and database the way the connections will.
    client = new pg.Client(config);
  } catch {
    // The error of the URL parser holds the URL, and so the password.
    throw new ForgeError(
      "BAD_REQUEST",
      "postgresStore cannot read its URL; write postgres://user:password@host:port/database.",
    );
  }
  const host = client.host.startsWith("/") ? encodeURIComponent(client.host) : client.host;
  return `postgres://${encodeURIComponent(client.user ?? "")}@${host}:${client.port}/${encodeURIComponent(client.database ?? "")}`;
}
