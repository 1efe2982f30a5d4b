import { createEventParser } from "./event-parser.ts";

/**
 * Reads a body of server-sent events until it ends; rejects where its connection breaks.
 *
 * `onBytes` runs for every chunk before the events in it, also for one that holds none.
 */
export async function readStream(
  body: ReadableStream<Uint8Array>,
  onBytes: () => void,
  onEvent: (name: string, data: string) => void,
): Promise<void> {
  const parse = createEventParser(onEvent);
  const decoder = new TextDecoder();
  // By its reader, since not every browser's streams are async iterable.
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    parse(decoder.decode(value, { stream: true }));
  }
}
