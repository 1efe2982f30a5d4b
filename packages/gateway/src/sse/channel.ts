import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Writable } from "node:stream";
import type { Frame } from "./frame.ts";

/** Where a session's frames go. */
export interface Channel {
  /** Hands over a frame, which is never refused. False: it is full now; `drained` is called once it has room. */
  write(frame: Frame): boolean;
  /** Ends the stream after what was written; a client may reuse the connection. */
  end(): void;
  /** Cuts the connection. */
  destroy(): void;
}

/** Who uses a channel. `closed` is called whoever ended it. */
export interface ChannelListener {
  drained(): void;
  closed(): void;
}

/**
 * Begins an event stream as the answer to a request, and flushes its headers.
 *
 * On HTTP/1.1 frames bypass the response and go to its socket, chunk sizes included; that halves the cost of a delivery.
 * HTTP/2, HTTP/1.0 and a pipelined response that waits for its turn are written to as streams.
 */
export function openChannel(
  request: IncomingMessage,
  response: ServerResponse,
  headers: OutgoingHttpHeaders,
  listener: ChannelListener,
): Channel {
  response.writeHead(200, headers);
  response.flushHeaders();
  // The client may have gone while its request was answered; then no event tells of it any more.
  if (response.destroyed) listener.closed();
  else response.on("close", () => listener.closed());
  const { socket } = response;
  // Over HTTP/2 the socket is a stand-in that refuses to be written to.
  if (request.httpVersion !== "1.1" || !response.chunkedEncoding || socket === null) {
    return new StreamChannel(response, response, "text", listener);
  }
  // An application's idle timeout must not cut a stream whose job says nothing for a while.
  socket.setTimeout(0);
  return new StreamChannel(response, socket, "chunk", listener);
}

/** A class, since an idle session should hold as few closures as possible. */
class StreamChannel implements Channel {
  readonly #response: ServerResponse;
  readonly #sink: Writable;
  readonly #bytes: keyof Frame;
  readonly #listener: ChannelListener;
  #isFull = false;

  constructor(response: ServerResponse, sink: Writable, bytes: keyof Frame, listener: ChannelListener) {
    this.#response = response;
    this.#sink = sink;
    this.#bytes = bytes;
    this.#listener = listener;
  }

  write(frame: Frame): boolean {
    if (this.#sink.write(frame[this.#bytes])) return true;
    if (!this.#isFull) this.#sink.once("drain", () => this.#drained());
    this.#isFull = true;
    return false;
  }

  end(): void {
    this.#response.end();
  }

  destroy(): void {
    this.#response.destroy();
  }

  #drained(): void {
    this.#isFull = false;
    this.#listener.drained();
  }
}
