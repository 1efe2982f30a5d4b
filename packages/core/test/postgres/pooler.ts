import { createServer, connect, type Socket } from "node:net";

/** A stand-in for a transaction pooler: passes everything on but notifications. */
export interface Pooler {
  readonly url: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Stands between clients and the database behind `url`. */
export async function openPooler(url: string): Promise<Pooler> {
  const { port, hostname } = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const database = connect(Number(port), hostname);
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        client.destroy();
        database.destroy();
      });
    }
    client.pipe(database);
    const messages = withoutNotifications();
    database.on("data", (bytes) => client.write(messages(bytes)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The pooler has no port");
  const own = new URL(url);
  own.port = String(address.port);
  return {
    url: own.href,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const NOTIFICATION = "A".charCodeAt(0);
const HEADER = 5;

/** Cuts the server's stream into its messages (a type, a length, a body) and leaves notifications out. */
function withoutNotifications(): (bytes: Buffer) => Buffer {
  let pending = Buffer.alloc(0);
  return (bytes) => {
    pending = Buffer.concat([pending, bytes]);
    const passed: Buffer[] = [];
    while (pending.length >= HEADER && pending.length >= 1 + pending.readInt32BE(1)) {
      const end = 1 + pending.readInt32BE(1);
      if (pending[0] !== NOTIFICATION) passed.push(pending.subarray(0, end));
      pending = pending.subarray(end);
    }
    return Buffer.concat(passed);
  };
}
