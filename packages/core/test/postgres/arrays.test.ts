import pg from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { type Arrays, binaryArrays, literalArrays } from "../../src/postgres/arrays.ts";

const client = new pg.Client({ connectionString: inject("postgres")[18] });
beforeAll(() => client.connect());
afterAll(() => client.end());

const uuids = [uuidv7(), uuidv7()];
const texts = ["", "plain", 'quotes " \\ { } , NULL', "Ада 🙂", null, "x".repeat(100_000)];
const columns: readonly (readonly [string, (arrays: Arrays) => unknown, readonly unknown[]])[] = [
  ["uuid", (arrays) => arrays.uuid(uuids), uuids],
  ["text", (arrays) => arrays.text(texts), texts],
  ["json", (arrays) => arrays.json(['{ "a":1.0 }', "null", null]), ['{ "a":1.0 }', "null", null]],
  ["int2", (arrays) => arrays.int2([0, -32_768, 32_767]), ["0", "-32768", "32767"]],
  ["int4", (arrays) => arrays.int4([0, -(2 ** 31), 2 ** 31 - 1]), ["0", "-2147483648", "2147483647"]],
  ["float8", (arrays) => arrays.float8([0.1, -1e300, null, Infinity]), ["0.1", "-1e+300", null, "Infinity"]],
];

for (const [type, encode, expected] of columns) {
  for (const [name, arrays] of [
    ["binary", binaryArrays],
    ["literal", literalArrays],
  ] as const) {
    it(`sends ${type}s as a ${name} array`, async () => {
      const text = `SELECT item::text FROM unnest($1::${type}[]) WITH ORDINALITY AS list (item, n) ORDER BY n`;
      const { rows } = await client.query<{ item: string | null }>(text, [encode(arrays)]);
      expect(rows.map(({ item }) => item)).toEqual(expected);
    });
  }
}

it("sends an empty array", async () => {
  const { rows } = await client.query("SELECT $1::uuid[] = '{}' AS empty", [binaryArrays.uuid([])]);
  expect(rows).toEqual([{ empty: true }]);
});

it("refuses an id that is no UUID, and says which", () => {
  for (const id of ["", "no", "0192f000-0000-7000-8000-00000000000g", "0192f00000007000800000000000000000000"]) {
    expect(() => binaryArrays.uuid([uuidv7(), id])).toThrow(
      expect.objectContaining({ code: "BAD_REQUEST", details: { id } }),
    );
  }
});
