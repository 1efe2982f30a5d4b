import type { ConnectedEvent, JobSnapshot, WireEventName, WireEvents, WorkflowSnapshot } from "@forge-jobs/protocol";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { type CallOptions, request } from "./call.ts";

const PATIENCE_MS = 10_000;

interface Received<Name extends WireEventName = WireEventName> {
  readonly event: Name;
  readonly data: WireEvents[Name];
}

/** An open event stream, read by fetch and a parser that shares no code with the gateway. */
export interface Stream {
  readonly response: Response;
  readonly connected: ConnectedEvent;
  /** Every event so far. */
  readonly events: readonly Received[];
  /** The next event of that name that no earlier call has returned. */
  readonly next: <Name extends WireEventName>(
    name: Name,
    matches?: (data: WireEvents[Name]) => boolean,
  ) => Promise<WireEvents[Name]>;
  /** The states of one job so far. */
  readonly states: (jobId: string) => JobSnapshot[];
  /** The states of one run so far. */
  readonly runs: (workflowId: string) => WorkflowSnapshot[];
  /** Resolves when the server has ended the stream. */
  readonly ended: Promise<void>;
  readonly close: () => void;
}

export async function openStream(url: string, options: CallOptions): Promise<Stream> {
  const abort = new AbortController();
  const response = await request(url, { ...options, signal: abort.signal });
  if (!response.ok || response.body === null) throw new Error(`${response.status}: ${await response.text()}`);

  const events: Received[] = [];
  const taken = new Map<WireEventName, number>();
  let wake = Promise.withResolvers<void>();
  let isOver = false;
  const read = async (body: ReadableStream<BufferSource>): Promise<void> => {
    const parsed = body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
    for await (const { event, data } of parsed) {
      events.push({ event, data: JSON.parse(data) } as Received);
      wake.resolve();
      wake = Promise.withResolvers();
    }
  };
  const ended = read(response.body as ReadableStream<BufferSource>)
    .catch((error: unknown) => {
      if (!abort.signal.aborted) throw error;
    })
    .finally(() => {
      isOver = true;
      wake.resolve();
    });
  // Whoever does not wait for the end must not be ended by it.
  ended.catch(() => {});

  const next: Stream["next"] = async (name, matches = () => true) => {
    const deadline = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      const index = events.findIndex(
        ({ event, data }, at) => at >= (taken.get(name) ?? 0) && event === name && matches(data as never),
      );
      if (index >= 0) {
        taken.set(name, index + 1);
        return events[index]?.data as never;
      }
      if (isOver || deadline.aborted) {
        throw new Error(
          `No event ${name} came ${isOver ? "before the end" : "in time"}; got ${JSON.stringify(events)}`,
        );
      }
      await Promise.race([
        wake.promise,
        new Promise((resolve) => deadline.addEventListener("abort", resolve, { once: true })),
      ]);
    }
  };
  return {
    response,
    connected: await next("connected"),
    events,
    next,
    states: (jobId) =>
      events
        .filter(({ event }) => event === "job")
        .map(({ data }) => data as JobSnapshot)
        .filter((state) => state.jobId === jobId),
    runs: (workflowId) =>
      events
        .filter(({ event }) => event === "workflow")
        .map(({ data }) => data as WorkflowSnapshot)
        .filter((state) => state.workflowId === workflowId),
    ended,
    close: () => abort.abort(),
  };
}
