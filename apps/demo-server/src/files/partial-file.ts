import { randomUUID } from "node:crypto";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * A file that appears whole or not at all.
 *
 * Open: it is written at `path`, a name of its own. Then either published, when it takes the final name in one step and
 * replaces what was there, or discarded, when nothing of it is left.
 */
export interface PartialFile {
  readonly path: string;
  /** Gives the file its final name, and answers its size in bytes. */
  publish(): Promise<number>;
  /** Removes the file; does nothing after `publish`. */
  discard(): Promise<void>;
}

/** The ending of files that are still being written. */
export const PARTIAL_SUFFIX = ".part";

/** Makes room for a file that is to be called `finalPath`. */
export async function partialFile(finalPath: string): Promise<PartialFile> {
  await mkdir(dirname(finalPath), { recursive: true });
  const path = `${finalPath}.${randomUUID()}${PARTIAL_SUFFIX}`;
  return {
    path,
    async publish() {
      const { size } = await stat(path);
      await rename(path, finalPath);
      return size;
    },
    discard: () => rm(path, { force: true }),
  };
}
