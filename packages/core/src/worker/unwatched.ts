/** Marks a promise as handled: one that a handler starts and nobody awaits must not end the process when it rejects. */
export function unwatched<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
