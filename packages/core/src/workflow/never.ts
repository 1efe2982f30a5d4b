/** What code waits for that is to go no further: its run is put away, and the code with it. */
export function never<T>(): Promise<T> {
  return new Promise<T>(() => {});
}
