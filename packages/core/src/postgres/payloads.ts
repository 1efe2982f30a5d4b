import type { ChangeHint } from "../store.ts";
import type { Moved } from "./hints.ts";

/** PostgreSQL takes payloads of less than 8,000 bytes. */
const LONGEST_BYTES = 7_900;
const FRAME = '{"jobs":[]}'.length;

/** The payloads that tell of jobs that moved: everything about a single one, id and revision of several. */
export function encodeMoved(jobs: readonly Moved[]): string[] {
  const [first] = jobs;
  if (first === undefined) return [];
  if (jobs.length === 1) {
    const { id, status, progress, revision } = first;
    return [JSON.stringify({ job_id: id, status, progress, revision })];
  }
  const payloads: string[] = [];
  let entries: string[] = [];
  let length = FRAME;
  for (const { id, revision } of jobs) {
    // All of it is ASCII, so characters are bytes.
    const entry = `["${id}",${revision}]`;
    if (length + entry.length + 1 > LONGEST_BYTES) {
      payloads.push(`{"jobs":[${entries.join(",")}]}`);
      entries = [];
      length = FRAME;
    }
    entries.push(entry);
    length += entry.length + 1;
  }
  payloads.push(`{"jobs":[${entries.join(",")}]}`);
  return payloads;
}

/** What a payload tells of jobs; nothing if it is not of a shape known here. A revision that it leaves out is Infinity. */
export function decodeMoved(payload: string): ChangeHint[] {
  let said: unknown;
  try {
    said = JSON.parse(payload);
  } catch {
    return [];
  }
  if (typeof said !== "object" || said === null) return [];
  if ("jobs" in said && Array.isArray(said.jobs)) return said.jobs.flatMap((entry: unknown) => hintOf(entry) ?? []);
  if ("job_id" in said) return [hintOf([said.job_id, "revision" in said ? said.revision : undefined]) ?? []].flat();
  return [];
}

/** The payload that tells of a queue: its name, or nothing for a name that is too long, which reads as "any queue". */
export function encodeQueue(queue: string): string {
  return Buffer.byteLength(queue) > LONGEST_BYTES ? "" : queue;
}

function hintOf(entry: unknown): ChangeHint | null {
  if (!Array.isArray(entry) || typeof entry[0] !== "string") return null;
  return { id: entry[0], revision: typeof entry[1] === "number" ? entry[1] : Infinity };
}
