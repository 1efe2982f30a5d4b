import type { WireResult } from "@forge-jobs/protocol";

export interface CallOptions {
  readonly method?: string;
  /** Sent as JSON; a string goes out as it is. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The envelope, as far as the answer is one. */
  readonly result: WireResult<never>;
  /** `data` of a successful answer; fails for any other. */
  readonly data: unknown;
}

export function request(url: string, { method, body, headers = {}, signal }: CallOptions): Promise<Response> {
  return fetch(url, {
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    ...(signal !== undefined && { signal }),
  });
}

export async function call(url: string, options: CallOptions = {}): Promise<Answer> {
  const response = await request(url, options);
  const text = await response.text();
  const parsed = (): WireResult<never> => JSON.parse(text) as WireResult<never>;
  return {
    status: response.status,
    headers: response.headers,
    text,
    get result() {
      return parsed();
    },
    get data() {
      const result = parsed();
      if (!result.success) throw new Error(`Expected success, got ${text}`);
      return result.data;
    },
  };
}
