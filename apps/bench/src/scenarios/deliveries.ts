import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Scenario } from "../scenario.ts";
import { type SseLibrary, startSseServer } from "../sse-server.ts";
import { median } from "../statistics.ts";
import { table } from "../table.ts";

const SESSIONS = 1_000;
const STEPS = 300;
const WARM_UP = 20;

interface Figures {
  readonly perCpuSecond: number;
  readonly bytesPerSession: number;
}

/** What a server spends on a thousand streams that all watch one job: CPU for each delivery, memory for each idle stream. */
export const deliveries: Scenario = {
  key: "deliveries",
  title: `deliveries to ${SESSIONS.toLocaleString("en")} streams`,
  async run({ rounds, say }) {
    const all = new Map<SseLibrary, Figures[]>([
      ["forge", []],
      ["better-sse", []],
    ]);
    for (let round = 1; round <= rounds; round++) {
      for (const library of round % 2 === 1 ? [...all.keys()] : [...all.keys()].toReversed()) {
        const figures = await measured(library);
        all.get(library)?.push(figures);
        const { perCpuSecond, bytesPerSession } = figures;
        say(`deliveries ${round}, ${library}: ${perCpuSecond.toFixed(0)}/s, ${bytesPerSession.toFixed(0)} bytes`);
      }
    }
    const of = (library: SseLibrary, figure: keyof Figures): number =>
      median((all.get(library) ?? []).map((figures) => figures[figure]));
    const row = (title: string, figure: keyof Figures, target: string): string[] => {
      const [ours, theirs] = [of("forge", figure), of("better-sse", figure)];
      const shown = (value: number): string => Math.round(value).toLocaleString("en");
      return [title, shown(ours), shown(theirs), `${(ours / theirs).toFixed(2)}×`, target];
    };
    return table(
      ["measure", "forge", "better-sse 0.16", "ratio", "target"],
      [
        row("deliveries for each CPU second of the server", "perCpuSecond", "≥ 2×"),
        row("bytes for each idle session", "bytesPerSession", "≤ 0.5×"),
      ],
    );
  },
};

async function measured(library: SseLibrary): Promise<Figures> {
  const server = await startSseServer(library, ":memory:");
  const before = await server.report();
  const readers = await Promise.all(Array.from({ length: SESSIONS }, () => openReader(server)));
  const idle = await server.report();
  const step = async (n: number): Promise<void> => {
    const text = `step ${String(n).padStart(6, "0")}`;
    const seen = Promise.all(readers.map((reader) => reader.sees(text)));
    server.say(text);
    await seen;
  };
  for (let n = 0; n < WARM_UP; n++) await step(n);
  const from = await server.report();
  for (let n = WARM_UP; n < WARM_UP + STEPS; n++) await step(n);
  const to = await server.report();
  for (const { socket } of readers) socket.destroy();
  await server.stop();
  return {
    perCpuSecond: (SESSIONS * STEPS) / ((to.cpuMs - from.cpuMs) / 1_000),
    bytesPerSession: (idle.bytes - before.bytes) / SESSIONS,
  };
}

interface Reader {
  readonly socket: Socket;
  sees(text: string): Promise<void>;
}

/** A bare socket: a thousand parsers would make the reading side the slow one. */
async function openReader({ port, path }: { port: number; path: string }): Promise<Reader> {
  const socket = connect(port, "127.0.0.1");
  let wanted: { text: string; seen: () => void } | null = null;
  socket.on("data", (chunk) => {
    if (wanted !== null && chunk.includes(wanted.text)) {
      wanted.seen();
      wanted = null;
    }
  });
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n`);
  await once(socket, "data");
  return {
    socket,
    sees: (text) =>
      new Promise((resolve) => {
        wanted = { text, seen: resolve };
      }),
  };
}
