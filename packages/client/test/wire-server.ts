import type {
  ErrorCode,
  JobSnapshot,
  PollRequest,
  RpcRequest,
  SignalRequest,
  SubscribeRequest,
  WireEvents,
  WorkflowSnapshot,
} from "@forge-jobs/protocol";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a request may hold; a test reads what its path has. */
export type WireBody = RpcRequest & SubscribeRequest & PollRequest & SignalRequest;

/** One request that a test answers by hand. */
export class Exchange {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  /** Resolves when the client has gone, or the answer has ended. */
  readonly closed: Promise<unknown>;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse, text: string) {
    const url = new URL(request.url!, "http://wire");
    this.method = request.method!;
    this.path = url.pathname;
    this.query = url.search;
    this.headers = request.headers;
    this.text = text;
    this.closed = once(response, "close");
    this.#response = response;
  }

  get body(): WireBody {
    return JSON.parse(this.text) as WireBody;
  }

  ok(data: unknown): void {
    this.json(200, { success: true, data });
  }

  refuse(status: number, code: ErrorCode, message = `Refused: ${code}`, more: object = {}): void {
    this.json(status, { success: false, error: { code, message, ...more } });
  }

  json(status: number, body: unknown): void {
    this.raw(status, "application/json", JSON.stringify(body));
  }

  raw(status: number, type: string, body: string): void {
    this.#response.writeHead(status, { "content-type": type, ...CORS }).end(body);
  }

  /** Ends whatever is still open, in good order. */
  finish(): void {
    if (this.#response.headersSent) this.#response.end();
    else this.refuse(503, "UNAVAILABLE");
  }

  /** Breaks the connection without an answer. */
  drop(): void {
    this.#response.destroy();
  }

  /** Accepts a stream that says nothing yet. */
  accept(): WireStream {
    this.#response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", ...CORS });
    this.#response.flushHeaders();
    return new WireStream(this.#response, this.closed);
  }

  /** Accepts a stream and says `connected`. */
  connect(more: Partial<WireEvents["connected"]> = {}): WireStream {
    const stream = this.accept();
    stream.send("connected", { ...CONNECTED, ...more });
    return stream;
  }
}

/** The gateway's side of an event stream. */
export class WireStream {
  readonly closed: Promise<unknown>;
  readonly #response: ServerResponse;

  constructor(response: ServerResponse, closed: Promise<unknown>) {
    this.#response = response;
    this.closed = closed;
  }

  send(event: string, data: unknown): void {
    this.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  job(snapshot: Partial<JobSnapshot>): void {
    this.send("job", snapshot);
  }

  workflow(snapshot: Partial<WorkflowSnapshot>): void {
    this.send("workflow", snapshot);
  }

  write(text: string): void {
    this.#response.write(text);
  }

  end(): void {
    this.#response.end();
  }
}

const CONNECTED: WireEvents["connected"] = {
  sessionId: "gateway.session",
  sessionSecret: "secret",
  protocol: 1,
  epoch: "epoch-1",
  heartbeatMs: 15_000,
  pollMs: 2_000,
};

const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-headers": "content-type, authorization",
};

/** A server on a free port that speaks the wire as a test tells it to, request by request. */
export class WireServer {
  /** Every request so far, as `METHOD /path`. */
  readonly log: string[] = [];
  readonly #server = createServer((request, response) => void this.#receive(request, response));
  readonly #exchanges: Exchange[] = [];
  readonly #waiting: Exchange[] = [];
  readonly #takers: { path: string; take: (exchange: Exchange) => void }[] = [];

  static async open(): Promise<WireServer> {
    const server = new WireServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/_api`;
  }

  /** The next request to this path below `/_api`, now or when it comes. */
  next(path: string): Promise<Exchange> {
    const index = this.#waiting.findIndex((exchange) => exchange.path === `/_api${path}`);
    const [exchange] = index < 0 ? [] : this.#waiting.splice(index, 1);
    if (exchange) return Promise.resolve(exchange);
    return new Promise((take) => this.#takers.push({ path: `/_api${path}`, take }));
  }

  /** How many requests to this path came so far. */
  count(path: string): number {
    return this.log.filter((line) => line.endsWith(` /_api${path}`)).length;
  }

  /**
   * Resolves once whatever a client had already sent has arrived here: the kernel hands connections over in order, so a
   * request of our own that starts now comes after it.
   */
  async quiet(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      await (await fetch(new URL("/quiet", this.url))).text();
    }
  }

  /** Ends what a test has left open, so that no client complains of a broken connection, and closes. */
  async close(): Promise<void> {
    await this.quiet();
    for (const exchange of this.#exchanges) exchange.finish();
    await this.quiet();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === "/quiet" || request.method === "OPTIONS") {
      response.writeHead(200, CORS).end();
      return;
    }
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const exchange = new Exchange(request, response, text);
    this.#exchanges.push(exchange);
    this.log.push(`${exchange.method} ${exchange.path}`);
    const index = this.#takers.findIndex(({ path }) => path === exchange.path);
    const [taker] = index < 0 ? [] : this.#takers.splice(index, 1);
    if (taker) taker.take(exchange);
    else this.#waiting.push(exchange);
  }
}
