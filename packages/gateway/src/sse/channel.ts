import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
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

/** Who uses a channel. `closed` is called once, whoever ended it. */
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
  else response.once("close", () => listener.closed());
  const { socket } = response;
  // Over HTTP/2 the socket is a stand-in that refuses to be written to.
  const isDirect = request.httpVersion === "1.1" && response.chunkedEncoding && socket !== null;
  // An application's idle timeout must not cut a stream whose job says nothing for a while.
  if (isDirect) socket.setTimeout(0);
  const sink = isDirect ? socket : response;
  const bytes: keyof Frame = isDirect ? "chunk" : "text";
  let isFull = false;
  const drained = (): void => {
    isFull = false;
    listener.drained();
  };
  return {
    write: (frame) => {
      if (sink.write(frame[bytes])) return true;
      if (!isFull) sink.once("drain", drained);
      isFull = true;
      return false;
    },
    end: () => response.end(),
    destroy: () => response.destroy(),
  };
}
