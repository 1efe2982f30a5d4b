import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * A loopback port that nobody listens on right now.
 *
 * Picked below the range from which systems take the ports of outgoing connections (32768 on Linux): a client that
 * keeps knocking at a stopped server in that range can end up connected to itself, and then holds the port.
 * Another process may take it before the caller does, so whoever binds it tries again with another.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(12_000, 32_000);
    if (await isFree(port)) return port;
  }
  throw new Error("Found no free port between 12000 and 32000 on 127.0.0.1 in 100 tries");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
