import { inspect } from "node:util";
import { ForgeError } from "../errors.ts";
import { type AbortCode, Dead, JobAborted, PublicError, RateLimited, Snooze } from "../outcomes.ts";
import { Hopeless } from "../worker/failure.ts";

/** A thrown value on its way between two threads, where it loses its class. */
export type RemoteError =
  | { readonly kind: "known"; readonly n: number }
  | { readonly kind: "value"; readonly value: unknown }
  | {
      readonly kind: "error";
      readonly name: string;
      readonly message: string;
      readonly stack: string | undefined;
      /** Its class, and those that it extends. */
      readonly classes: readonly string[];
      /** Its own fields that are text, numbers or booleans, `code` among them. */
      readonly fields: Readonly<Record<string, unknown>>;
      readonly cause: RemoteError | null;
    };

const DEEPEST_CAUSE = 5;
const classesOfRevived = new WeakMap<object, readonly string[]>();

/** The classes that an error from another thread had there. */
export function remoteClasses(error: object): readonly string[] {
  return classesOfRevived.get(error) ?? [];
}

/** Takes a thrown value apart. Never throws. */
export function takenApart(thrown: unknown, depth: number = 0): RemoteError {
  try {
    if (!(thrown instanceof Error)) return { kind: "value", value: plain(thrown) };
    const { cause } = thrown;
    return {
      kind: "error",
      name: thrown.name,
      message: thrown.message,
      stack: thrown.stack,
      classes: classNames(thrown),
      fields: Object.fromEntries(Object.entries(thrown).filter(([key, value]) => key !== "cause" && isSimple(value))),
      cause: cause === undefined || depth === DEEPEST_CAUSE ? null : takenApart(cause, depth + 1),
    };
  } catch {
    return { kind: "value", value: "A value was thrown that cannot be looked at." };
  }
}

/** Puts a thrown value together again: an error of this package as one of its class, any other as an `Error` of its name. */
export function putTogether(remote: Exclude<RemoteError, { kind: "known" }>): unknown {
  if (remote.kind === "value") return remote.value;
  // Many a class is derived from Error without a name of its own.
  const name = remote.name === "Error" ? (remote.classes[0] ?? "Error") : remote.name;
  const error = made(name, remote.message, remote.fields);
  const own = { ...remote.fields, name, message: remote.message, stack: remote.stack };
  for (const [key, value] of Object.entries(own)) {
    Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: key in remote.fields });
  }
  if (remote.cause !== null && remote.cause.kind !== "known") {
    Object.defineProperty(error, "cause", { value: putTogether(remote.cause), configurable: true, writable: true });
  }
  classesOfRevived.set(error, remote.classes);
  return error;
}

/** By name and not by class: a job's module may load another copy of this package. */
function made(name: string, message: string, fields: Readonly<Record<string, unknown>>): Error {
  switch (name) {
    case "Dead":
      return Dead(message);
    case "PublicError":
      return new PublicError(message);
    case "Snooze":
      return typeof fields["delayMs"] === "number" ? Snooze(`${fields["delayMs"]}ms`) : new Error(message);
    case "RateLimited":
      return typeof fields["retryAfterMs"] === "number"
        ? RateLimited(String(fields["scope"]), fields["retryAfterMs"])
        : new Error(message);
    case "JobAborted":
      return new JobAborted(fields["code"] as AbortCode, message);
    case "Hopeless":
      return fields["code"] === "INPUT_INVALID" || fields["code"] === "OUTPUT_INVALID"
        ? new Hopeless(fields["code"], message)
        : new Error(message);
    case "ForgeError":
      return new ForgeError(fields["code"] as ForgeError["code"], message);
    default:
      return new Error(message);
  }
}

function classNames(error: Error): string[] {
  const names: string[] = [];
  for (let proto: unknown = Object.getPrototypeOf(error); proto !== null; proto = Object.getPrototypeOf(proto)) {
    if (Object.hasOwn(proto as object, "constructor")) names.push((proto as object).constructor.name);
  }
  return names;
}

function isSimple(value: unknown): boolean {
  return value === null || ["string", "number", "boolean"].includes(typeof value);
}

function plain(value: unknown): unknown {
  if (value === undefined || isSimple(value)) return value;
  try {
    return JSON.parse(JSON.stringify(value));
  } catch {
    return inspect(value, { depth: 2 });
  }
}
