import type { WireError, WireResult } from "@forge-jobs/protocol";
import type { Effects } from "./effects.ts";
import type { ForgeClientOptions } from "./options.ts";
import { ANSWER_WITHIN_MS } from "./times.ts";

/** Requests to one gateway, with its token. */
export interface Http {
  /** POSTs JSON, or GETs where there is none; a 401 is sent once more with a fresh token. Rejects when unreachable. */
  readonly send: (path: string, json: string | null, signal: AbortSignal) => Promise<Response>;
  /**
   * Sends, and reads the envelope; `ending` cuts it short. Never rejects: what is no answer of the gateway is
   * `UNAVAILABLE`.
   */
  readonly call: <Data>(path: string, json: string | null, ending?: AbortController) => Promise<WireResult<Data>>;
}

/** Creates the requests of one client; `options` is read at each, since a page may configure itself anew. */
export function createHttp(options: () => ForgeClientOptions, { fetch, after }: Effects): Http {
  let token: Promise<string | null> | null = null;
  const forget = (): void => {
    token = null;
  };

  const send = async (path: string, json: string | null, signal: AbortSignal, isFresh?: true): Promise<Response> => {
    const { url = "/_api", getToken, credentials = "same-origin" } = options();
    const used = getToken && (token ??= (async () => getToken())());
    used?.catch(forget);
    const bearer = await used;
    const response = await fetch(url + path, {
      method: json ? "POST" : "GET",
      headers: { "content-type": "application/json", ...(bearer && { authorization: `Bearer ${bearer}` }) },
      body: json,
      credentials,
      signal,
    });
    if (response.status !== 401 || !getToken || isFresh) return response;
    // Another request may have refreshed it already.
    if (token === used) forget();
    return send(path, json, signal, true);
  };

  return {
    send,
    call: async (path, json, ending = new AbortController()) => {
      const disarm = after(ANSWER_WITHIN_MS, () => ending.abort());
      try {
        return await readEnvelope(await send(path, json, ending.signal));
      } catch {
        return refusal("UNAVAILABLE", "The gateway was not reached.");
      } finally {
        disarm();
      }
    },
  };
}

/** Reads the gateway's envelope. The page of a proxy is a refusal only where its status says so (4xx). */
export async function readEnvelope<Data>(response: Response): Promise<WireResult<Data>> {
  const answer = (await response.json().catch(() => null)) as Partial<{ success: true } & { error: WireError }> | null;
  if (answer?.success || answer?.error?.code) return answer as WireResult<Data>;
  const { status, url } = response;
  return refusal(
    status >= 400 && status < 500 ? "BAD_REQUEST" : "UNAVAILABLE",
    `${url} answered ${status}, no Forge gateway.`,
  );
}

function refusal(code: WireError["code"], message: string): { success: false; error: WireError } {
  return { success: false, error: { code, message } };
}
