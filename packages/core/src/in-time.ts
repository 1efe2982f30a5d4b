import { longTimer } from "./long-timer.ts";

/** Rejects where `work` takes longer than `ms`; whatever becomes of it then is ignored. */
export async function inTime<T>(work: T | PromiseLike<T>, ms: number): Promise<T> {
  const over = Promise.withResolvers<never>();
  const disarm = longTimer(() => over.reject(new Error(`It took longer than ${ms} ms.`)), ms);
  try {
    return await Promise.race([work, over.promise]);
  } finally {
    disarm();
  }
}
