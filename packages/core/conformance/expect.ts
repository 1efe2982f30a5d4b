/** What the suite asks of a test framework's `expect(value)`. */
export interface Matchers<Result = void> {
  readonly not: Matchers<Result>;
  readonly rejects: Matchers<Promise<void>>;
  toBe(expected: unknown): Result;
  toBeGreaterThan(least: number): Result;
  toBeGreaterThanOrEqual(least: number): Result;
  toBeInstanceOf(constructor: unknown): Result;
  toBeLessThan(most: number): Result;
  toBeLessThanOrEqual(most: number): Result;
  toBeNull(): Result;
  toBeUndefined(): Result;
  toContain(entry: unknown): Result;
  toEqual(expected: unknown): Result;
  toHaveLength(length: number): Result;
  toMatchObject(expected: object): Result;
}

/** The `expect` of a test framework, as vitest has it: it takes a message beside the value. */
export interface Expect {
  (actual: unknown, message?: string): Matchers;
  any(constructor: unknown): unknown;
  arrayContaining(entries: unknown[]): unknown;
}

let given: Expect | null = null;

/** Says whose `expect` the cases call. The suites are data, and know no test framework. */
export function expectBy(expecting: Expect): void {
  given = expecting;
}

function known(): Expect {
  if (given === null)
    throw new Error("Nobody said whose expect the cases call; describeStore does, or expectBy(expect).");
  return given;
}

/** The `expect` of whoever runs the suite. */
export const expect: Expect = Object.assign((actual: unknown, message?: string): Matchers => known()(actual, message), {
  any: (constructor: unknown): unknown => known().any(constructor),
  arrayContaining: (entries: unknown[]): unknown => known().arrayContaining(entries),
});
