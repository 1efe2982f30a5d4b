import type { FastifyInstance, FastifyPluginAsync } from "fastify";
import fastifyPlugin from "fastify-plugin";
import { type ForgeGateway, mountGateway } from "./mount.ts";
import { type ForgeGatewayOptions, settingsOf } from "./options.ts";

declare module "fastify" {
  interface FastifyInstance {
    /** Set by `app.register(forgeGateway, …)`. */
    forgeGateway: ForgeGateway;
  }
}

/**
 * Lets browsers start public jobs and watch them live: `app.register(forgeGateway, { forge })`.
 *
 * Adds routes under `prefix` and the decorator `app.forgeGateway`; the application's own routes, parsers, error and 404
 * handlers are left as they are. `app.close()` ends every stream; stop the engine after it. Registering throws
 * `BAD_REQUEST` for bad and unknown options.
 */
export const forgeGateway: FastifyPluginAsync<ForgeGatewayOptions> = fastifyPlugin(
  async (app: FastifyInstance, options: ForgeGatewayOptions) => mountGateway(app, settingsOf(options)),
  { name: "@forge-jobs/gateway", fastify: "5.x" },
);
