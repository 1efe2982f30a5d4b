// Jobs that run in threads of their own; the tests of isolation import them, and so do the threads.
import { Dead, defineJob, PublicError, Snooze } from "@forge-jobs/core";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isMainThread, threadId } from "node:worker_threads";
import { z } from "zod";

class NetworkError extends Error {
  readonly code = "ERESET";
  readonly status = 503;
}

const input = z.object({ what: z.string(), n: z.coerce.number().default(0), file: z.string().default("") });

/** Does what its input says, in a thread that is really ended. */
export const heavy = defineJob("heavy", {
  isolate: true,
  input,
  retry: { maxAttempts: 3, baseDelay: "1ms", maxBackoff: "2ms", on: [NetworkError] },
  publicError: (error) => `seen: ${(error as Error).name}`,
  async run(ctx, { what, n, file }): Promise<unknown> {
    switch (what) {
      case "where":
        return { isMainThread, threadId, n: n * 2, attempt: ctx.attempt, jobId: ctx.jobId };
      case "loop":
        ctx.progress(10, "looping");
        for (;;);
      case "write":
        ctx.progress(10);
        for (;;) writeFileSync(file, String(process.hrtime.bigint()));
      case "loop until cancelled":
        ctx.progress(10, "looping");
        while (!ctx.isCancelRequested());
        return "heeded";
      case "exit":
        process.exit(3);
        return null;
      case "uncaught":
        setTimeout(() => {
          throw new NetworkError("from a timer");
        });
        await sleep(60_000);
        return null;
      case "rejection":
        void Promise.reject(new NetworkError("nobody waits"));
        await sleep(60_000);
        return null;
      case "network":
        throw new NetworkError("reset");
      case "other":
        throw Object.assign(new TypeError("other"), { cause: new Error("below") });
      case "dead":
        throw new Dead("dead", { cause: new PublicError("It is over.") });
      case "snooze":
        if (ctx.saved["snoozed"] === true) return "woken";
        await ctx.save("snoozed", true);
        throw new Snooze("1ms");
      case "bigint":
        return 1n;
      case "wait":
        ctx.progress(10);
        ctx.log.info("waiting", { n, by: () => {} });
        await new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)));
        return null;
      case "log":
        ctx.log.warn("from a thread", { n, by: () => {} });
        ctx.log.debug("plainly", { n, at: new Date(0), size: 2n });
        if (!ctx.isLastAttempt) throw new NetworkError("again");
        ctx.log.error("last words");
        process.exit(3);
        return null;
      case "ignore":
        ctx.progress(10);
        await new Promise(() => setInterval(() => {}, 1_000));
        return null;
      case "heartbeat":
        for (let beat = 0; beat < n; beat++) {
          await sleep(50);
          await ctx.heartbeat();
        }
        return "through";
      case "context":
        return (ctx as { db?: unknown }).db;
      case "verbs": {
        const id = await ctx.dispatch(heavy, { what: "where", n: 1 });
        const job = await ctx.jobs.get(id);
        const refused = await ctx.jobs.get("no id").catch((error: unknown) => (error as { code: string }).code);
        const uncloneable = await ctx.save("f", () => {}).catch((error: unknown) => (error as Error).name);
        return { type: job?.type, queue: job?.queue, refused, uncloneable, created: job?.createdAt instanceof Date };
      }
      case "limit":
        await ctx.rateLimit.acquire("slow");
        return null;
      default:
        throw new Error(`Nobody wrote what ${what} does`);
    }
  },
});
