import { ForgeError, type Logger } from "@forge-jobs/core";
import type { FastifyRequest } from "fastify";
import { addressKey } from "../limits/address.ts";
import type { Authenticate } from "../options.ts";
import type { Caller, Principal } from "../principal.ts";

const LONGEST_ID = 1_000;

/** Finds out who makes a request. */
export class Callers {
  readonly #authenticate: Authenticate;
  readonly #log: Logger;
  /** For each `authenticate` that is under way, whose rights were revoked meanwhile. */
  readonly #underWay = new Set<Set<string>>();

  constructor(authenticate: Authenticate, log: Logger) {
    this.#authenticate = authenticate;
    this.#log = log;
  }

  /** Throws `UNAUTHENTICATED` where `authenticate` throws or what it says has expired. */
  async of(request: FastifyRequest): Promise<Caller> {
    const revoked = new Set<string>();
    this.#underWay.add(revoked);
    let principal: Principal | null;
    try {
      principal = await this.#authenticate(request);
    } catch (error) {
      this.#log.info("authenticate refused a request", { err: error });
      throw unauthenticated();
    } finally {
      this.#underWay.delete(revoked);
    }
    if (principal !== null) {
      checkPrincipal(principal);
      const { id, expiresAt } = principal;
      if (revoked.has(id) || (expiresAt !== undefined && expiresAt.getTime() <= Date.now())) throw unauthenticated();
    }
    return { principal, address: addressKey(request.ip) };
  }

  /** Refuses requests of the principal whose `authenticate` began before now. */
  revoke(principalId: string): void {
    for (const revoked of this.#underWay) revoked.add(principalId);
  }
}

function unauthenticated(): ForgeError {
  return new ForgeError("UNAUTHENTICATED", "The credentials of this request were refused; sign in again.");
}

/** An application that forgets to return something must not make everybody anonymous, or everybody the same user. */
function checkPrincipal(principal: Principal | undefined): void {
  const { id, expiresAt } = principal ?? {};
  const hasId =
    typeof id === "string" && id !== "" && id.length <= LONGEST_ID && !id.includes("\0") && id.isWellFormed();
  if (!hasId)
    throw new TypeError("authenticate must return null or { id }, the id of 1 to 1,000 characters without NUL");
  if (expiresAt !== undefined && !(expiresAt instanceof Date && !Number.isNaN(expiresAt.getTime()))) {
    throw new TypeError("expiresAt of what authenticate returns must be a valid Date");
  }
}
