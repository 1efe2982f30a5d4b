/**
 * Who makes a request, as `authenticate` says.
 *
 * The object is handed to `authorize` as it is. An application adds fields of its own, such as roles, by
 * `declare module "@forge-jobs/gateway" { interface Principal { roles: string[] } }`.
 */
export interface Principal {
  /** Identifies the principal; jobs remember it as their owner. 1 to 1,000 characters without NUL. */
  readonly id: string;
  /** When its streams end, so that they authenticate anew. Default: after an hour. */
  readonly expiresAt?: Date;
}

/** Who makes a request and from where, as limits count it; a null principal is anonymous. */
export interface Caller {
  readonly principal: Principal | null;
  /** An IPv4 address, or the /64 network of an IPv6 one: a single host commonly owns all of its network. */
  readonly address: string;
}
