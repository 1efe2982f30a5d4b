export { postgresStore } from "./store.ts";
export type { PostgresStoreOptions } from "./options.ts";
