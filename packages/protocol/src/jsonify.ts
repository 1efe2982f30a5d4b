/**
 * The type of a value after `JSON.parse(JSON.stringify(value))`: a Date arrives as a string, a `toJSON` as what it
 * returns, functions and symbols vanish from objects and become null in arrays.
 */
export type Jsonify<T> = T extends { toJSON(): infer R }
  ? Jsonify<R>
  : T extends string | number | boolean | null
    ? T
    : T extends undefined | symbol | ((...args: never[]) => unknown)
      ? never
      : T extends readonly unknown[]
        ? { [K in keyof T]: JsonifyElement<T[K]> }
        : T extends object
          ? { [K in keyof T as K extends symbol ? never : [Jsonify<T[K]>] extends [never] ? never : K]: Jsonify<T[K]> }
          : unknown extends T
            ? unknown
            : never;

type JsonifyElement<T> = [Jsonify<T>] extends [never] ? null : Jsonify<T>;
