/** Runs one statement, whose parameters are `$1`, `$2` and so on, and answers its rows. Both databases understand what is passed here. */
export type Query = (text: string, values: readonly (string | number | null)[]) => Promise<Record<string, unknown>[]>;
