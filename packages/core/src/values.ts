import { LIMITS } from "@forge-jobs/protocol";
import { ForgeError } from "./errors.ts";

// JSON.stringify writes NUL and lone surrogates as these escapes; an escaped backslash before `u0000` matches too, which
// only costs such a value the slow look.
const SUSPECT = /\\u0000|\\ud[89a-f]/;

const utf8 = new TextEncoder();

/** The length of `text` in bytes of UTF-8. */
function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

/**
 * Serialises an input, refusing what a database or a browser could not hold: cycles, bigints, NUL, lone surrogates, and
 * more than 1 MiB. `undefined` becomes null.
 *
 * Throws `INVALID_ARGS` or `TOO_LARGE`; the sentence names `what` and the path of the offending value.
 */
export function serialiseInput(value: unknown, what: string): string {
  const json = stringify(value, what);
  if (SUSPECT.test(json)) {
    const path = pathOfUnsafeText(JSON.parse(json), "$");
    if (path !== null) {
      throw new ForgeError(
        "INVALID_ARGS",
        `${what} holds a NUL character or half of a surrogate pair at ${path}, which a database cannot store; remove it.`,
        { details: { path } },
      );
    }
  }
  refuseOversize(json, what);
  return json;
}

/**
 * Serialises an output. Cycles, bigints and more than 1 MiB are refused as in `serialiseInput`; NUL and lone surrogates
 * become U+FFFD, since the work is done and a readable output beats none. `mended` says that this happened.
 */
export function serialiseOutput(value: unknown, what: string): { json: string; mended: boolean } {
  let json = stringify(value, what);
  const mended = SUSPECT.test(json) && pathOfUnsafeText(JSON.parse(json), "$") !== null;
  if (mended) json = JSON.stringify(withSafeText(JSON.parse(json)));
  refuseOversize(json, what);
  return { json, mended };
}

/** Text that every store and every browser can hold: NUL and lone surrogates become U+FFFD. */
function safeText(text: string): string {
  return text.replaceAll("\0", "\uFFFD").toWellFormed();
}

/** `safeText` cut to at most `bytes` of UTF-8, on a code point. */
export function clipText(value: unknown, bytes: number): string {
  const text = String(value);
  const safe = safeText(text.length > bytes ? text.slice(0, bytes) : text);
  if (byteLength(safe) <= bytes) return safe;
  const { read } = utf8.encodeInto(safe, new Uint8Array(bytes));
  return safe.slice(0, read);
}

function stringify(value: unknown, what: string): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (cause) {
    const path = whyUnserialisable(value, cause);
    throw new ForgeError(
      "INVALID_ARGS",
      `${what} cannot be written as JSON${path === null ? "" : `: ${path.why} at ${path.at}`}; pass plain data.`,
      { cause, details: path },
    );
  }
}

/** Null where the value does not even let itself be looked at, as a getter that throws. */
function whyUnserialisable(value: unknown, cause: unknown): { at: string; why: string } | null {
  if (cause instanceof RangeError) return { at: "$", why: "too much of it, or nested too deeply," };
  try {
    return pathOfUnserialisable(value, "$", []);
  } catch {
    return null;
  }
}

function refuseOversize(json: string, what: string): void {
  const bytes = json.length > LIMITS.valueBytes / 3 ? byteLength(json) : json.length;
  if (bytes > LIMITS.valueBytes) {
    throw new ForgeError(
      "TOO_LARGE",
      `${what} is ${bytes} bytes as JSON; at most ${LIMITS.valueBytes} are stored. Keep large data elsewhere and pass its name.`,
      { details: { bytes, limit: LIMITS.valueBytes } },
    );
  }
}

function isUnsafe(text: string): boolean {
  return text.includes("\0") || !text.isWellFormed();
}

function pathOfUnsafeText(value: unknown, at: string): string | null {
  if (typeof value === "string") return isUnsafe(value) ? at : null;
  if (typeof value !== "object" || value === null) return null;
  for (const [key, inner] of Object.entries(value)) {
    const path = isUnsafe(key) ? `a key of ${at}` : pathOfUnsafeText(inner, step(value, at, key));
    if (path !== null) return path;
  }
  return null;
}

function withSafeText(value: unknown): unknown {
  if (typeof value === "string") return safeText(value);
  if (Array.isArray(value)) return value.map(withSafeText);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [safeText(key), withSafeText(inner)]));
}

function pathOfUnserialisable(value: unknown, at: string, above: object[]): { at: string; why: string } | null {
  if (typeof value === "bigint") return { at, why: "a bigint" };
  if (typeof value !== "object" || value === null) return null;
  if (above.includes(value)) return { at, why: "a circular reference" };
  for (const [key, inner] of Object.entries(value)) {
    const found = pathOfUnserialisable(inner, step(value, at, key), [...above, value]);
    if (found !== null) return found;
  }
  return null;
}

function step(parent: object, at: string, key: string): string {
  return Array.isArray(parent)
    ? `${at}[${key}]`
    : /^[A-Za-z_$][\w$]*$/.test(key)
      ? `${at}.${key}`
      : `${at}[${JSON.stringify(key)}]`;
}
