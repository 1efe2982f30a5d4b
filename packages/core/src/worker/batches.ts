import { ForgeError } from "../errors.ts";

interface Waiting<Call, Answer> {
  readonly call: Call;
  readonly bytes: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

const BATCH_CALLS = 1_000;
const BATCH_BYTES = 4 * 1024 * 1024;

/**
 * Sends single calls to a verb that takes lists, in batches that grow with the load.
 *
 * Idle: the first call schedules a batch for the end of this turn of the event loop. Sending: what is called meanwhile
 * collects, and is the next batch. A batch that the database refuses for its data is halved until the culprit fails alone;
 * every other error is that of all calls in the batch.
 */
export class Batches<Call, Answer> {
  readonly #send: (calls: readonly Call[]) => Promise<readonly Answer[]>;
  #waiting: Waiting<Call, Answer>[] = [];
  #sending = false;

  /** `send` answers every call in the order given. */
  constructor(send: (calls: readonly Call[]) => Promise<readonly Answer[]>) {
    this.#send = send;
  }

  /** Adds a call of about so many bytes, and resolves with its answer. */
  add(call: Call, bytes: number = 0): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ call, bytes, resolve, reject });
      if (this.#sending) return;
      this.#sending = true;
      setImmediate(() => void this.#sendAll());
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) await this.#sendOrHalve(this.#take());
    this.#sending = false;
  }

  #take(): Waiting<Call, Answer>[] {
    let bytes = 0;
    let calls = 0;
    while (calls < Math.min(this.#waiting.length, BATCH_CALLS)) {
      bytes += this.#waiting[calls]!.bytes;
      if (calls > 0 && bytes > BATCH_BYTES) break;
      calls++;
    }
    return this.#waiting.splice(0, calls);
  }

  async #sendOrHalve(batch: readonly Waiting<Call, Answer>[]): Promise<void> {
    try {
      const answers = await this.#send(batch.map(({ call }) => call));
      for (const [n, { resolve }] of batch.entries()) resolve(answers[n] as Answer);
    } catch (error) {
      const code = error instanceof ForgeError ? error.code : "INTERNAL";
      if (batch.length > 1 && (code === "BAD_REQUEST" || code === "INTERNAL")) {
        const middle = batch.length >> 1;
        await this.#sendOrHalve(batch.slice(0, middle));
        await this.#sendOrHalve(batch.slice(middle));
        return;
      }
      for (const { reject } of batch) reject(error);
    }
  }
}
