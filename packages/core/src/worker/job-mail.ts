import { ForgeError } from "../errors.ts";
import type { JobMail, Mailer } from "../mail/mailer.ts";
import { unwatched } from "./unwatched.ts";

/** Makes the `ctx.mail` of one run. */
export function jobMail(mailer: Mailer | null, signal: () => AbortSignal): JobMail {
  return {
    send: (message) =>
      unwatched(
        (async () => {
          if (mailer === null) throw noMail("ctx.mail");
          const { deferred: _deferred, ...receipt } = await mailer.send(message, { signal: signal() });
          return receipt;
        })(),
      ),
  };
}

/** What is said where an engine was made without mail. */
export function noMail(what: string): ForgeError {
  return new ForgeError("BAD_REQUEST", `${what} needs createForge({ mail: { transport } }).`);
}
