// Checked by the compiler alone: an unexpected error, or an expected one that does not come, fails the build.
import type { Forge } from "@forge-jobs/core";
import { forgeGateway } from "@forge-jobs/gateway";
import Fastify from "fastify";

declare module "@forge-jobs/gateway" {
  interface Principal {
    readonly roles?: readonly string[];
  }
}

/** An application's own fields of a principal reach `authorize`. */
export async function withRoles(forge: Forge): Promise<void> {
  const app = Fastify();
  await app.register(forgeGateway, {
    forge,
    authenticate: () => ({ id: "ana", roles: ["support"] }),
    authorize: ({ principal }) => principal?.roles?.includes("support") ?? false,
  });
  app.forgeGateway.revoke("ana");
  // @ts-expect-error -- roles are texts
  await app.register(forgeGateway, { forge, authenticate: () => ({ id: "ana", roles: [7] }) });
  // @ts-expect-error -- a principal has an id
  await app.register(forgeGateway, { forge, authenticate: () => ({ name: "ana" }) });
  // @ts-expect-error -- there is no such action
  await app.register(forgeGateway, { forge, authorize: ({ action }) => action === "delete" });
}

/** Any kind of server will do. */
export async function overHttp2(forge: Forge): Promise<void> {
  await Fastify({ http2: true }).register(forgeGateway, { forge });
}
