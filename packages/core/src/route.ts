import { checkName } from "./define.ts";
import { ForgeError } from "./errors.ts";
import type { NewJob } from "./store.ts";

/** Chooses the queue of a dispatch by the name of its job and its raw input; undefined leaves it to the definition. */
export type Route = (jobName: string, input: unknown) => string | undefined;

/** Puts a new job into the queue that the route chooses for it. Throws `BAD_REQUEST`. */
export function routed(route: Route, row: NewJob, input: unknown): NewJob {
  let queue: unknown;
  try {
    queue = route(row.type, input);
  } catch (cause) {
    throw new ForgeError(
      "BAD_REQUEST",
      `The route of createForge threw for a job ${row.type}; it must answer a queue's name, or undefined.`,
      { cause },
    );
  }
  if (queue === undefined) return row;
  // An async function would be a mistake; its rejection must not end the process as well.
  if (queue instanceof Promise) queue.catch(() => {});
  return { ...row, queue: checkName(`The queue that route answered for ${row.type}`, queue as string) };
}

/** Checks the option. Throws `BAD_REQUEST`. */
export function checkRoute(route: Route | undefined): Route | null {
  if (route === undefined) return null;
  if (typeof route === "function") return route;
  throw new ForgeError("BAD_REQUEST", "createForge({ route }) takes a function of a job's name and its input.");
}
