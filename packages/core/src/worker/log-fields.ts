import { serialiseOutput } from "../values.ts";

const FIELD_BYTES = 4 * 1024;

class TooLarge extends Error {}

/** The fields of a log line as JSON text of at most 4 KiB, whatever they hold; null where there are none. Never throws. */
export function logFields(fields: unknown): string | null {
  if (fields === undefined || fields === null) return null;
  try {
    const plain = plainly(fields, [], { left: FIELD_BYTES });
    const isObject = typeof plain === "object" && plain !== null && !Array.isArray(plain);
    const { json } = serialiseOutput(isObject ? plain : { value: plain }, "The fields of a log line");
    if (Buffer.byteLength(json) > FIELD_BYTES) throw new TooLarge();
    return json;
  } catch (error) {
    return JSON.stringify({ omitted: error instanceof TooLarge ? "more than 4 KiB" : "not serialisable" });
  }
}

/** A copy that JSON can hold. Stops where it has met more than there is room for, so that large values cost little. */
function plainly(value: unknown, above: readonly object[], room: { left: number }): unknown {
  room.left -= typeof value === "string" ? value.length : 1;
  if (room.left < 0) throw new TooLarge();
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (above.includes(value)) return "[circular]";
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  const inside = [...above, value];
  if (value instanceof Error) {
    const { name, message, cause } = value;
    return plainly({ name, message, ...(cause !== undefined && { cause }) }, inside, room);
  }
  if ("toJSON" in value && typeof value.toJSON === "function") {
    const said: unknown = value.toJSON();
    return typeof said === "object" && said !== null ? entriesOf(said, inside, room) : plainly(said, inside, room);
  }
  return entriesOf(value, inside, room);
}

function entriesOf(value: object, inside: readonly object[], room: { left: number }): unknown {
  if (Array.isArray(value)) return value.map((inner) => plainly(inner, inside, room));
  const copy: [string, unknown][] = [];
  for (const key of Object.keys(value)) {
    room.left -= key.length;
    copy.push([key, plainly((value as Record<string, unknown>)[key], inside, room)]);
  }
  return Object.fromEntries(copy);
}
