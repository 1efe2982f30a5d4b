import type pg from "pg";

/** One row, its columns in the order of the statement. */
export type Row = readonly unknown[];

/** A statement's text, and the name under which connections may keep it prepared. */
export interface Statement {
  readonly text: string;
  /**
   * Only for statements that have one sensible plan. Whatever reads the tables of jobs goes without: a plan that was made
   * while they were empty would scan them for ever after.
   */
  readonly name?: string;
}

/** Where statements run: on a connection of the pool, in a transaction of ours, or in a caller's. */
export interface Session {
  run<R extends Row>(statement: Statement, values: readonly unknown[]): Promise<R[]>;
}

type Parser = (text: string) => unknown;

const asText: Parser = (text) => text;
const parsers: ReadonlyMap<number, Parser> = new Map<number, Parser>([
  [16, (text) => text === "t"],
  [20, Number],
  [21, Number],
  [23, Number],
  [700, Number],
  [701, Number],
]);

// Our own parsers: those of `pg` can be changed for a whole process by anybody, and would parse JSON that stays text here.
const types: pg.CustomTypesConfig = { getTypeParser: (type: number): Parser => parsers.get(type) ?? asText };

/** Lets statements run on a connection. */
export function pgSession(client: pg.ClientBase, preparedStatements: boolean): Session {
  return {
    async run<R extends Row>({ text, name }: Statement, values: readonly unknown[]): Promise<R[]> {
      const named = preparedStatements && name !== undefined ? { name } : {};
      const { rows } = await client.query<unknown[] & R>({
        text,
        values: [...values],
        rowMode: "array",
        types,
        ...named,
      });
      return rows;
    },
  };
}
