import type { Logger } from "../logger.ts";
import { KEPT_LINES, type LogLevel, type LogLine, type LogVerbs } from "../store/log-verbs.ts";
import { clipText } from "../values.ts";
import { logFields } from "./log-fields.ts";

const MESSAGE_BYTES = 1024;
const LINGER_MS = 100;
const BATCH_LINES = 1_000;
const MOST_BYTES = 16 * 1024 * 1024;

interface Unwritten {
  readonly line: LogLine;
  readonly loggedAt: number;
  readonly bytes: number;
}

/** What one run logged and nobody has written yet. */
type RunLines = Unwritten[];

/**
 * Writes what handlers log, behind them and in batches: one writer a process.
 *
 * Idle: the first line schedules a batch. Sending: what is logged meanwhile is the next batch, after a pause. A batch that the
 * database does not take is dropped, with one warning until one succeeds again.
 */
export class LogWriter {
  readonly #verbs: LogVerbs;
  readonly #log: Logger;
  readonly #unwritten = new Set<RunLines>();
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #sending: Promise<void> | null = null;
  #closed = false;
  #warned = false;

  constructor(verbs: LogVerbs, log: Logger) {
    this.#verbs = verbs;
    this.#log = log;
  }

  /** A logger for one run that passes lines on to `parent`, and keeps them. Never throws. */
  loggerOf({ id, attempt }: { readonly id: string; readonly attempt: number }, parent: Logger): Logger {
    const lines: RunLines = [];
    const at =
      (level: LogLevel) =>
      (message: string, fields?: Record<string, unknown>): void => {
        parent[level](message, fields);
        try {
          const text = clipText(message, MESSAGE_BYTES);
          this.#add(lines, { jobId: id, level, attempt, message: text, fields: logFields(fields) });
        } catch {
          // A message that cannot be made text is nobody's.
        }
      };
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }

  /** Resolves once everything that was logged is written, or dropped. */
  async settled(): Promise<void> {
    while (this.#unwritten.size > 0 || this.#sending !== null) {
      this.#unschedule();
      await this.#flush();
    }
  }

  /** Keeps nothing any more. */
  close(): void {
    this.#closed = true;
    this.#unschedule();
    this.#unwritten.clear();
  }

  #add(lines: RunLines, line: LogLine): void {
    if (this.#closed) return;
    const bytes = line.message.length + (line.fields?.length ?? 0) + 100;
    if (lines.length === KEPT_LINES) this.#bytes -= (lines.shift() as Unwritten).bytes;
    if (this.#bytes + bytes > MOST_BYTES) {
      this.#warn("Handlers log faster than the database takes it; lines are not kept", {});
      return;
    }
    this.#bytes += bytes;
    lines.push({ line, loggedAt: performance.now(), bytes });
    this.#unwritten.add(lines);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#timer !== null || this.#sending !== null || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#flush();
    }, LINGER_MS);
  }

  #flush(): Promise<void> {
    return (this.#sending ??= this.#send().finally(() => {
      this.#sending = null;
      if (this.#unwritten.size > 0) this.#schedule();
    }));
  }

  #unschedule(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #send(): Promise<void> {
    const batch = this.#take();
    try {
      const now = performance.now();
      await this.#verbs.write({ lines: batch.map(({ line, loggedAt }) => ({ ...line, agoMs: now - loggedAt })) });
      this.#warned = false;
    } catch (cause) {
      this.#warn("What handlers logged cannot be written; these lines are not kept", { lines: batch.length, cause });
    }
  }

  #take(): Unwritten[] {
    const batch: Unwritten[] = [];
    for (const lines of this.#unwritten) {
      if (batch.length >= BATCH_LINES) break;
      this.#unwritten.delete(lines);
      for (const unwritten of lines.splice(0)) {
        this.#bytes -= unwritten.bytes;
        batch.push(unwritten);
      }
    }
    return batch;
  }

  #warn(message: string, fields: Record<string, unknown>): void {
    if (this.#warned) return;
    this.#warned = true;
    this.#log.warn(message, fields);
  }
}
