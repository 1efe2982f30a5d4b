import { createParser } from "eventsource-parser";
import { Agent, get, type IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { puppet } from "./support/puppet.ts";
import { openWorld, type World } from "./support/world.ts";

const SESSIONS = 1_000;

interface Reader {
  readonly response: IncomingMessage;
  /** Messages so far, in order. */
  readonly messages: (string | null)[];
}

test("a thousand sessions all see every step's last state, from one read each", async () => {
  const work = puppet();
  let reads = 0;
  await using world = await openWorld({
    jobs: [work.job],
    between: (forge) => ({
      ...forge,
      jobs: {
        ...forge.jobs,
        states: (ids) => {
          reads++;
          return forge.jobs.states(ids);
        },
      },
    }),
    gateway: { limits: { subscribesPerSecond: { address: 10_000 } } },
  });
  const jobId = await world.forge.dispatch(work.job, null);
  const run = await work.run(jobId);
  const agent = new Agent({ maxSockets: SESSIONS });
  const readers = await Promise.all(Array.from({ length: SESSIONS }, () => openReader(world, jobId, agent)));
  expect(world.app.forgeGateway.stats()).toMatchObject({ sessions: SESSIONS, watchedJobs: 1 });

  const before = reads;
  for (let step = 1; step <= 10; step++) {
    run.ctx.progress(step, `step ${step}`);
    await expect.poll(() => readers.filter(({ messages }) => messages.at(-1) === `step ${step}`).length).toBe(SESSIONS);
  }
  // A hint that comes while a read is under way asks for another; more than two a step would be one per session.
  expect(reads - before).toBeLessThanOrEqual(20);

  await world.app.close();
  await Promise.all(
    readers.map(async ({ response }) => response.complete || new Promise((resolve) => response.once("close", resolve))),
  );
  expect(world.app.forgeGateway.stats()).toMatchObject({ sessions: 0, watchedJobs: 0 });
  agent.destroy();
}, 60_000);

/** Not by fetch, which would spend most of the test on a thousand streams. */
async function openReader(world: World, jobId: string, agent: Agent): Promise<Reader> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${world.url}/_api/events?v=1&job=${jobId}`, { agent }, resolve).once("error", reject);
  });
  const messages: (string | null)[] = [];
  const connected = Promise.withResolvers<void>();
  const parser = createParser({
    onEvent: ({ event, data }) => {
      if (event === "connected") connected.resolve();
      if (event === "job") messages.push((JSON.parse(data) as { message: string | null }).message);
    },
  });
  response.setEncoding("utf8").on("data", (text: string) => parser.feed(text));
  await connected.promise;
  return { response, messages };
}
