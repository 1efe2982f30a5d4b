import { expectTypeOf } from "vitest";
import type { Jsonify } from "../src/index.ts";

// What arrives is what JSON makes of a value.
expectTypeOf<Jsonify<Date>>().toEqualTypeOf<string>();
expectTypeOf<Jsonify<{ at: Date; count: number }>>().toEqualTypeOf<{ at: string; count: number }>();
expectTypeOf<Jsonify<{ toJSON(): { a: Date } }>>().toEqualTypeOf<{ a: string }>();
expectTypeOf<Jsonify<string | null>>().toEqualTypeOf<string | null>();
expectTypeOf<Jsonify<"a" | "b">>().toEqualTypeOf<"a" | "b">();
expectTypeOf<Jsonify<boolean>>().toEqualTypeOf<boolean>();

// Lists keep their length; what JSON has no word for becomes null in them.
expectTypeOf<Jsonify<Date[]>>().toEqualTypeOf<string[]>();
expectTypeOf<Jsonify<readonly Date[]>>().toEqualTypeOf<readonly string[]>();
expectTypeOf<Jsonify<[Date, number]>>().toEqualTypeOf<[string, number]>();
expectTypeOf<Jsonify<[() => void, symbol]>>().toEqualTypeOf<[null, null]>();
expectTypeOf<Jsonify<(Date | undefined)[]>>().toEqualTypeOf<(string | null)[]>();

// In objects such values vanish with their keys; what may be undefined may be missing.
expectTypeOf<Jsonify<{ a: number; run: () => void; key: symbol; gone: undefined }>>().toEqualTypeOf<{ a: number }>();
expectTypeOf<Jsonify<{ [Symbol.iterator]: number; a: number }>>().toEqualTypeOf<{ a: number }>();
expectTypeOf<Jsonify<{ a?: Date }>>().toEqualTypeOf<{ a?: string }>();
expectTypeOf<Jsonify<{ a: Date | undefined; b: 1 }>>().toEqualTypeOf<{ a?: string; b: 1 }>();
expectTypeOf<Jsonify<{ readonly a: Date }>>().toEqualTypeOf<{ readonly a: string }>();
expectTypeOf<Jsonify<Record<string, Date>>>().toEqualTypeOf<Record<string, string>>();
expectTypeOf<Jsonify<Map<string, Date>>>().toEqualTypeOf<Record<string, never>>();
expectTypeOf<Jsonify<Set<Date>>>().toEqualTypeOf<Record<string, never>>();

// What JSON refuses has no type, and what is not known stays so.
expectTypeOf<Jsonify<bigint>>().toEqualTypeOf<never>();
expectTypeOf<Jsonify<() => void>>().toEqualTypeOf<never>();
expectTypeOf<Jsonify<unknown>>().toEqualTypeOf<unknown>();
expectTypeOf<Jsonify<{ a: unknown }>>().toEqualTypeOf<{ a: unknown }>();
expectTypeOf<Jsonify<{ a: ReturnType<typeof JSON.parse> }>>().toHaveProperty("a");

// Types that are JSON already stay as they are, also by name and in recursion.
interface Row {
  name: string;
  children: Row[];
}
expectTypeOf<Jsonify<Row>["children"][number]["name"]>().toEqualTypeOf<string>();
expectTypeOf<Jsonify<Jsonify<{ at: Date }>>>().toEqualTypeOf<Jsonify<{ at: Date }>>();

// @ts-expect-error: a Date arrives as a string.
export const at: Jsonify<{ at: Date }> = { at: new Date(0) };
