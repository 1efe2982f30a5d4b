/** How a client reaches its gateway. */
export interface ForgeClientOptions {
  /**
   * Where the gateway is mounted, without a closing slash: `/_api`, or `https://api.example.com/_api` for another
   * origin, which must then list this page's origin. Default `/_api` on the page's own origin.
   */
  readonly url?: string;
  /**
   * Gives the token that every request carries as `Authorization: Bearer …`; null sends none. Called once, and again
   * when the gateway answers 401: one refresh, however many requests wait for it. Default: no token, cookies only.
   */
  readonly getToken?: () => string | null | Promise<string | null>;
  /** Whether cookies go along, as in `fetch`. `include` sends them to another origin. Default `same-origin`. */
  readonly credentials?: RequestCredentials;
}
