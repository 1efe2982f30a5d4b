/**
 * The type of a value after `JSON.parse(JSON.stringify(value))`: a Date arrives as a string, a `toJSON` as what it
 * returns, a Map or Set as an empty object. Functions, symbols and undefined vanish from objects and become null in lists;
 * a property that may be undefined may be missing.
 */
export type Jsonify<T> = T extends { toJSON(): infer R }
  ? Jsonify<R>
  : T extends string | number | boolean | null
    ? T
    : T extends Wordless
      ? never
      : T extends readonly unknown[]
        ? { [K in keyof T]: JsonifyElement<T[K]> }
        : T extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown>
          ? Record<string, never>
          : T extends object
            ? JsonifyObject<T>
            : unknown extends T
              ? unknown
              : never;

/** What JSON has no word for. */
type Wordless = undefined | symbol | ((...args: never[]) => unknown);

type JsonifyElement<T> = T extends Wordless ? null : Jsonify<T>;

type JsonifyObject<T> = Flatten<
  { [K in keyof T as Kept<T, K, "always">]: Jsonify<T[K]> } & { [K in keyof T as Kept<T, K, "maybe">]?: Jsonify<T[K]> }
>;

/** The key, if its property is in the JSON `When`; one that is optional by its declaration counts as always. */
type Kept<T, K extends keyof T, When extends Presence> = K extends symbol
  ? never
  : When extends PresenceOf<T[K]>
    ? K
    : never;

type Presence = "always" | "maybe";

type PresenceOf<V> = unknown extends V
  ? "always"
  : [V] extends [Wordless]
    ? never
    : [Extract<V, Wordless>] extends [never]
      ? "always"
      : "maybe";

type Flatten<T> = { [K in keyof T]: T[K] };
