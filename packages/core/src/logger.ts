/** The methods that Forge logs through; `pino`, Fastify's logger and many others fit behind it. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

/** A logger whose every line carries `bound`, and which never throws: a broken logger must not fail a job. */
export function childLogger(logger: Logger, bound: Record<string, unknown>): Logger {
  const at =
    (level: keyof Logger) =>
    (message: string, fields?: Record<string, unknown>): void => {
      try {
        logger[level](message, { ...bound, ...fields });
      } catch {
        // Nowhere is left to say it.
      }
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** The default logger: warnings and errors as one line each on the console, the rest dropped. */
export const consoleLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message, fields) => console.warn(`[forge] ${message}`, fields ?? ""),
  error: (message, fields) => console.error(`[forge] ${message}`, fields ?? ""),
};

/** A logger that says nothing. */
export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
