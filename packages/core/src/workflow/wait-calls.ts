import { type Duration, durationMs } from "../duration.ts";
import { ForgeError, shown } from "../errors.ts";
import { refuseUnknownOptions } from "../options.ts";
import type { StepWrite } from "../store.ts";
import { call, outputOf } from "./calls.ts";
import type { Episode } from "./episode.ts";
import type { Scope } from "./scope.ts";
import { waited } from "./waits.ts";

const UNNAMED_SLEEP = "sleep";

/** See `WorkflowContext.sleep`. */
export async function sleep(
  episode: Episode,
  scope: Scope,
  ...said: [duration: Duration] | [name: string, duration: Duration]
): Promise<void> {
  const [name, duration] = said.length === 1 ? [null, said[0]] : said;
  const inMs = durationMs(duration, "The duration of a sleep");
  await sleeping(episode, scope, name, { inMs });
}

/** See `WorkflowContext.sleepUntil`. */
export async function sleepUntil(
  episode: Episode,
  scope: Scope,
  ...said: [date: Date] | [name: string, date: Date]
): Promise<void> {
  const [name, date] = said.length === 1 ? [null, said[0]] : said;
  const atMs = date instanceof Date ? date.getTime() : Number.NaN;
  if (Number.isNaN(atMs)) {
    throw new ForgeError("BAD_REQUEST", `sleepUntil takes a valid Date; got ${shown(date)}.`);
  }
  await sleeping(episode, scope, name, { atMs });
}

async function sleeping(
  episode: Episode,
  scope: Scope,
  name: string | null,
  due: NonNullable<StepWrite["due"]>,
): Promise<void> {
  await call(episode, scope, {
    name: name ?? UNNAMED_SLEEP,
    isNamed: name !== null,
    happen: (key, recorded) => {
      if (recorded === undefined) warnOfTimeout(episode, key, due);
      return waited(
        episode,
        scope,
        { key, kind: "sleep", label: key, due, childId: null, onDue: { status: "completed" }, look: () => null },
        recorded,
      );
    },
  });
}

function warnOfTimeout({ memo, link }: Episode, key: string, due: NonNullable<StepWrite["due"]>): void {
  const dueAt = "atMs" in due ? due.atMs : memo.now + due.inMs;
  if (memo.timeoutAt === null || dueAt <= memo.timeoutAt) return;
  const what = "A run falls asleep for longer than the rest of its time; it will run out of time in its sleep";
  link.log.warn(what, { runId: link.job.id, sleep: key });
}

/** See `WorkflowContext.waitForEvent`. */
export async function waitForEvent(
  episode: Episode,
  scope: Scope,
  name: string,
  options: { timeout?: Duration } = {},
): Promise<unknown> {
  refuseUnknownOptions("waitForEvent", options, ["timeout"]);
  const { timeout } = options;
  const due = timeout === undefined ? null : { inMs: durationMs(timeout, `timeout of the event ${shown(name)}`) };
  const record = await call(episode, scope, {
    name,
    isNamed: true,
    happen: (key, recorded) =>
      waited(
        episode,
        scope,
        {
          key,
          kind: "event",
          label: name,
          due,
          childId: null,
          // No payload: a signal's is JSON, and `null` for one that says nothing.
          onDue: { status: "completed", output: null },
          look: () => {
            const signal = episode.memo.takeSignal(name);
            return signal && { status: "completed", output: signal.payload, signal };
          },
          giveBack: ({ signal, output }) => {
            if (signal && output) episode.memo.giveBack({ ...signal, payload: output });
          },
        },
        recorded,
      ),
  });
  return outputOf(record) ?? null;
}
