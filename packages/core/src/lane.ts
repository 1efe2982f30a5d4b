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

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash | 0;
}
