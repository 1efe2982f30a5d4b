import pg from "pg";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Channels } from "./channels.ts";
import type { Database } from "./database.ts";
import { notify } from "./notify.ts";
import { pgSession, type Session } from "./session.ts";

/** What the connection that listens tells. */
export interface EarHost {
  /** Another session sent this. */
  onNotification(channel: string, payload: string): void;
  /** From now on notifications arrive, those of what moved as said; what was sent before may have been missed. */
  onUp(hearsMoves: boolean): void;
  /** From now on those of what moved arrive, too. */
  onHearsMoves(): void;
  onDown(): void;
}

/** The connection while it is up. */
interface Up {
  readonly client: pg.Client;
  readonly session: Session;
  /** Has it made anew. */
  lose(): void;
}

/** What became of a notification to itself: `gone` is a connection that ended before it could come. */
type TestResult = "heard" | "silence" | "gone";

const TEST_MS = 5_000;
const TEST_EVERY_MS = 15_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;
const DEAF_PAUSE_MS = 60_000;
const GOODBYE_MS = 1_000;
/** For how long moves are heard that nobody wants: whoever waits for one job after another wants them again at once. */
const KEEP_MOVES_MS = 5_000;

/**
 * The one connection of a store that listens.
 *
 * Connecting, after `open` and after every loss, with a pause that doubles. Testing: a notification that was sent on another
 * connection has to arrive, which it does not behind a transaction pooler. Up: notifications arrive, and every 15 s one to
 * itself has to; those of what moved only while somebody wants them, and a little longer. Deaf, after a failed test: says so
 * once and tries again each minute. Closed, by `close`.
 */
export class Ear {
  readonly #database: Database;
  readonly #channels: Channels;
  readonly #host: EarHost;
  /** Where tests are sent, so that no other process has to read them. */
  readonly #testChannel = `forge_test_${randomUUID()}`;
  #closing: AbortController | null = null;
  #running: Promise<void> = Promise.resolve();
  #up: Up | null = null;
  #wantsMoves = false;
  #hearsMoves = false;
  #unwanted: NodeJS.Timeout | undefined;
  #test: PromiseWithResolvers<"heard" | "silence"> | null = null;
  #saidDeaf = false;

  constructor(database: Database, channels: Channels, host: EarHost) {
    this.#database = database;
    this.#channels = channels;
    this.#host = host;
  }

  /** Whether notifications arrive at present. */
  get isUp(): boolean {
    return this.#up !== null;
  }

  /** The connection to notify others on, whose notifications do not come back; null while it is not up. */
  get session(): Session | null {
    return this.#up?.session ?? null;
  }

  /** Whether notifications of what moved arrive at present. */
  get hearsMoves(): boolean {
    return this.#hearsMoves && this.#wantsMoves;
  }

  /** Says whether what moved is to be heard. */
  wantMoves(wanted: boolean): void {
    if (wanted === this.#wantsMoves) return;
    this.#wantsMoves = wanted;
    clearTimeout(this.#unwanted);
    if (wanted) void this.#hearMoves();
    else this.#unwanted = setTimeout(() => void this.#unhearMoves(), KEEP_MOVES_MS).unref();
  }

  /** Begins to listen; a second call does nothing. */
  open(): void {
    if (this.#closing !== null) return;
    this.#closing = new AbortController();
    const { signal } = this.#closing;
    this.#running = this.#running.then(() => this.#listen(signal));
  }

  /** Resolves once the connection is closed. */
  async close(): Promise<void> {
    clearTimeout(this.#unwanted);
    this.#closing?.abort();
    this.#closing = null;
    await this.#running;
  }

  async #listen(closing: AbortSignal): Promise<void> {
    let failures = 0;
    while (!closing.aborted) {
      const end = await this.#listenOnce(closing);
      failures = end === "lost" ? 0 : failures + 1;
      if (end === "deaf") this.#sayDeaf();
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS) * (0.5 + Math.random());
      await sleep(end === "deaf" ? DEAF_PAUSE_MS : pause, undefined, { signal: closing }).catch(ignore);
    }
  }

  /** Connects and stays until the connection is lost, is found not to hear, or is to be closed. */
  async #listenOnce(closing: AbortSignal): Promise<"lost" | "deaf" | "unreachable"> {
    const client = new pg.Client(this.#database.pool.options);
    const gone = Promise.withResolvers<false>();
    const lose = (): void => gone.resolve(false);
    client.on("error", lose);
    client.on("end", lose);
    closing.addEventListener("abort", lose);
    client.on("notification", ({ channel, payload = "", processId }) => {
      if (channel === this.#testChannel) this.#test?.resolve("heard");
      // What this process told the others itself, its listeners have heard directly.
      else if (processId !== processIdOf(client)) this.#host.onNotification(channel, payload);
    });
    try {
      if ((await Promise.race([client.connect(), gone.promise])) === false) return "unreachable";
      // Behind a transaction pooler this stays on a connection that others use next, so it names nothing yet that anybody
      // else sends to.
      await listen(client, [this.#testChannel]);
      // Sent on another connection: a pooler that runs this statement where LISTEN ran would pass the answer on.
      const heard = await this.#hears((session) => this.#database.connected(session), gone.promise);
      if (heard !== "heard") return heard === "gone" ? "unreachable" : "deaf";
      const { available, updates, cancelRequests, orders } = this.#channels;
      const hearsMoves = this.#wantsMoves;
      await listen(client, [available, cancelRequests, orders, ...(hearsMoves ? [updates] : [])]);
      const session = pgSession(client, false);
      this.#up = { client, session, lose };
      this.#hearsMoves = hearsMoves;
      this.#host.onUp(hearsMoves);
      if (this.#wantsMoves) void this.#hearMoves();
      for (let still: TestResult = heard; still === "heard" && !closing.aborted;) {
        await Promise.race([gone.promise, sleep(TEST_EVERY_MS, undefined, { signal: closing }).catch(ignore)]);
        still = await this.#hears((work) => work(session), gone.promise);
      }
      return "lost";
    } catch {
      return "unreachable";
    } finally {
      closing.removeEventListener("abort", lose);
      const wasUp = this.#up !== null;
      this.#up = null;
      this.#hearsMoves = false;
      if (wasUp && !closing.aborted) this.#host.onDown();
      await Promise.race([client.end().catch(ignore), sleep(GOODBYE_MS, undefined, { ref: false })]);
    }
  }

  async #hearMoves(): Promise<void> {
    const up = this.#up;
    if (up === null || this.#hearsMoves) return;
    try {
      await listen(up.client, [this.#channels.updates]);
    } catch {
      return up.lose();
    }
    if (this.#up !== up || this.#hearsMoves) return;
    this.#hearsMoves = true;
    this.#host.onHearsMoves();
  }

  async #unhearMoves(): Promise<void> {
    if (this.#up === null || this.#wantsMoves || !this.#hearsMoves) return;
    this.#hearsMoves = false;
    await this.#up.client.query(`UNLISTEN ${pg.escapeIdentifier(this.#channels.updates)}`).catch(ignore);
  }

  /** Sends a notification by `through` and tells whether it arrives here in time, or the connection ends before. */
  async #hears(
    through: (work: (session: Session) => Promise<unknown>) => Promise<unknown>,
    gone: Promise<false>,
  ): Promise<TestResult> {
    const test = (this.#test = Promise.withResolvers<"heard" | "silence">());
    let timer: NodeJS.Timeout | undefined;
    try {
      const sent = through((session) => notify(session, [[this.#testChannel, ""]])).then(() => true);
      if (!(await Promise.race([sent, gone]))) return "gone";
      // From here on: a server that is slow to take the notification says nothing about who hears it.
      timer = setTimeout(() => test.resolve("silence"), TEST_MS);
      return await Promise.race([test.promise, gone.then(() => "gone" as const)]);
    } finally {
      clearTimeout(timer);
    }
  }

  #sayDeaf(): void {
    if (this.#saidDeaf) return;
    this.#saidDeaf = true;
    process.emitWarning(
      `Notifications do not come through to ${this.#database.address}, as behind a transaction pooler; changes made by ` +
        "other processes are found by polling. Pass a URL that goes straight to PostgreSQL.",
      { code: "FORGE_NO_NOTIFICATIONS" },
    );
  }
}

async function listen(client: pg.Client, channels: readonly string[]): Promise<void> {
  await client.query(channels.map((channel) => `LISTEN ${pg.escapeIdentifier(channel)}`).join("; "));
}

/** `pg` knows the process behind a connection, and its types do not. */
function processIdOf(client: pg.Client): unknown {
  return "processID" in client ? client.processID : undefined;
}

// Whoever waits is told by another way: a closing signal, or a connection that is gone.
function ignore(): void {}
