export { ForgeError } from "./errors.ts";
export type { ForgeErrorOptions } from "./errors.ts";
