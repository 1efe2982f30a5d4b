// What a thread runs: imports the module that defines the job, and runs its handler once.
import { parentPort, workerData } from "node:worker_threads";
import { ForgeError } from "../errors.ts";
import { JobAborted } from "../outcomes.ts";
import { serialiseOutput } from "../values.ts";
import { Hopeless } from "../worker/failure.ts";
import { checkedOutput, parsedInput } from "../worker/handler-values.ts";
import { collectDefinitions } from "./definitions.ts";
import type { ThreadData } from "./messages.ts";
import { threadContext } from "./thread-context.ts";
import { ThreadLink } from "./thread-link.ts";

if (parentPort === null) throw new Error("This module runs in a worker thread only.");
const data = workerData as ThreadData;
const definitions = collectDefinitions();
const abort = new AbortController();
const link = new ThreadLink(parentPort, ({ code, message }) => abort.abort(new JobAborted(code, message)));

try {
  await import(data.module);
  const definition = definitions.get(data.name);
  if (definition === undefined) {
    throw new Error(
      `${data.module} defines no job ${data.name}. Call defineJob in the module that isolate names; with isolate: true that is the one that calls defineJob.`,
    );
  }
  const input = await parsedInput(definition, data.input);
  // Until here the thread was starting, which is not the handler's time.
  link.say({ kind: "heartbeat" });
  const returned = await definition.run(threadContext(data, link, abort.signal), input);
  link.say({ kind: "returned", ...serialised(await checkedOutput(definition, returned)) });
} catch (thrown) {
  link.say({ kind: "threw", error: link.takenApart(thrown) });
}

function serialised(output: unknown): { json: string; mended: boolean } {
  try {
    return serialiseOutput(output, `The output of ${data.name}`);
  } catch (cause) {
    throw new Hopeless("OUTPUT_INVALID", cause instanceof ForgeError ? cause.message : "it cannot be serialised.");
  }
}
