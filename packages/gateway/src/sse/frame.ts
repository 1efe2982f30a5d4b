import type { WireEventName, WireEvents } from "@forge-jobs/protocol";

/** One server-sent event, encoded once for however many sessions it goes to. */
export interface Frame {
  /** The event's text. */
  readonly text: Buffer;
  /** The same bytes between the size and the line end of HTTP/1.1's chunked coding, ready for the socket. */
  readonly chunk: Buffer;
}

/** Encodes an event; `retryMs` tells EventSource how long to wait before it reconnects. */
export function frame<Name extends WireEventName>(event: Name, data: WireEvents[Name], retryMs?: number): Frame {
  // JSON has no raw line breaks, so one `data:` line always holds it.
  const text = `${retryMs === undefined ? "" : `retry: ${retryMs}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
  const size = Buffer.byteLength(text).toString(16);
  const chunk = Buffer.from(`${size}\r\n${text}\r\n`);
  return { chunk, text: chunk.subarray(size.length + 2, -2) };
}
