const lanes = new Map<string, Map<string, number>>();

/** Names come from definitions, so there are few; the bound keeps a caller that makes them up from filling memory. */
const MEMO_QUEUES = 1_000;
const MEMO_TYPES = 10_000;

/**
 * Hashes a queue and a job type into a signed 32-bit integer: 32-bit FNV-1a over the UTF-8 of `queue + "\0" + type`.
 *
 * The index that a claim reads holds this number in place of two texts. Two pairs may share a lane, so a statement that
 * finds rows by lane compares queue and type as well. Stored rows hold the number: it never changes from release to release.
 */
export function lane(queue: string, type: string): number {
  let types = lanes.get(queue);
  if (types === undefined) {
    if (lanes.size >= MEMO_QUEUES) lanes.clear();
    lanes.set(queue, (types = new Map()));
  }
  let hash = types.get(type);
  if (hash === undefined) {
    if (types.size >= MEMO_TYPES) types.clear();
    types.set(type, (hash = fnv1a(`${queue}\0${type}`)));
  }
  return hash;
}

/**
 * The lane of jobs with a concurrency key. It is not that of the others of their type, so that a claim which knows of no
 * keys, such as one of the release before, does not find them.
 */
export function keyedLane(queue: string, type: string): number {
  return lane(queue, `${type}\0keyed`);
}

/** The lane in which a new job's row lies. */
export function laneOf({ queue, type, limitKey }: { queue: string; type: string; limitKey?: string }): number {
  return limitKey === undefined ? lane(queue, type) : keyedLane(queue, type);
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash | 0;
}
