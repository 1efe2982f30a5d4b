import { ForgeError } from "@forge-jobs/core";

/** What a request says about the page that sent it. */
export interface RequestSource {
  readonly secFetchSite: string | undefined;
  readonly origin: string | undefined;
  /** The host, with its port, that the request was made to. */
  readonly host: string;
}

/** Checks the origins that an application lists. Throws `BAD_REQUEST` for what no browser would send as `Origin`. */
export function checkOrigins(origins: readonly string[]): ReadonlySet<string> {
  for (const origin of origins) {
    if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
      throw new ForgeError(
        "BAD_REQUEST",
        `origins must list origins such as "https://app.example.com", without a path; got ${JSON.stringify(origin)}.`,
      );
    }
  }
  return new Set(origins);
}

/**
 * Tells whether a request that changes something comes from another site that is not listed.
 *
 * Browsers send `Sec-Fetch-Site` to secure and local addresses, and `Origin` with every POST; what sends neither is no
 * browser, and carries no cookies that it should not have.
 */
export function isForeign({ secFetchSite, origin, host }: RequestSource, listed: ReadonlySet<string>): boolean {
  if (origin !== undefined && listed.has(origin)) return false;
  if (secFetchSite !== undefined) return secFetchSite !== "same-origin" && secFetchSite !== "none";
  if (origin === undefined) return false;
  return !URL.canParse(origin) || new URL(origin).host !== host;
}
