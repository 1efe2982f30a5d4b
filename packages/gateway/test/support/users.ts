import type { FastifyRequest } from "fastify";
import type { Principal } from "../../src/index.ts";

/** Authenticates whoever the header x-user names; nobody is anonymous. */
export function byHeader({ headers }: Pick<FastifyRequest, "headers">): Principal | null {
  const user = headers["x-user"];
  return typeof user === "string" ? { id: user } : null;
}

/** A request as that user. */
export const as = (user: string): { headers: Record<string, string> } => ({ headers: { "x-user": user } });
