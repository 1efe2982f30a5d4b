import { remoteClasses } from "./isolate/remote-error.ts";
import type { RetryOn } from "./retry-options.ts";

/** Enough for an error that several layers wrapped, and an end for a circle of causes. */
const DEEPEST_CAUSE = 5;

/** Whether one of `on` names the error: by its class, by its `name`, or by its `code` or a cause's. Never throws. */
export function isNamedBy(on: readonly RetryOn[], error: unknown): boolean {
  return on.some((one) => {
    // Errors are objects of the user's making: a getter may throw.
    try {
      // An error of an isolated handler has lost its class on the way here, but not the names of its classes.
      return typeof one === "string" ? isCalled(one, error) : error instanceof one || wasOf(one.name, error);
    } catch {
      return false;
    }
  });
}

function wasOf(className: string, error: unknown): boolean {
  return typeof error === "object" && error !== null && remoteClasses(error).includes(className);
}

function isCalled(text: string, error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  if ((error as { name?: unknown }).name === text || wasOf(text, error)) return true;
  for (let proto: unknown = Object.getPrototypeOf(error); proto !== null; proto = Object.getPrototypeOf(proto)) {
    if (Object.hasOwn(proto as object, "constructor") && (proto as object).constructor.name === text) return true;
  }
  // A code is what a low layer says, and what the layers above wrap: `fetch` rejects with a TypeError whose cause has it.
  let at: unknown = error;
  for (let depth = 0; depth < DEEPEST_CAUSE && typeof at === "object" && at !== null; depth++) {
    if ((at as { code?: unknown }).code === text) return true;
    at = (at as { cause?: unknown }).cause;
  }
  return false;
}
