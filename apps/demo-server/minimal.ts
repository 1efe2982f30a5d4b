import { createForge, defineJob } from "@forge-jobs/core";
import { sqliteStore } from "@forge-jobs/core/sqlite";
import { forgeGateway } from "@forge-jobs/gateway";
import Fastify from "fastify";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";

const greetAll = defineJob("greet_all", {
  input: z.object({ names: z.array(z.string()).min(1) }),
  output: z.object({ greetings: z.array(z.string()) }),
  public: true, // browsers may start and watch it
  async run(ctx, { names }) {
    const greetings: string[] = [];
    for (const [index, name] of names.entries()) {
      await sleep(500, undefined, { signal: ctx.signal }); // the work
      greetings.push(`Hello, ${name}!`);
      ctx.progress((100 * (index + 1)) / names.length, `Greeted ${name}`);
    }
    return { greetings };
  },
});

const forge = createForge({ store: sqliteStore(process.env["DATABASE_FILE"] ?? "forge.db"), jobs: [greetAll] });
await forge.start();

const app = Fastify();
await app.register(forgeGateway, { forge });
app.addHook("onClose", () => forge.stop());
console.log(await app.listen({ port: Number(process.env["PORT"] ?? 3000) }));
process.once("SIGTERM", () => void app.close());
