import cookie from "@fastify/cookie";
import type { FastifyInstance } from "fastify";
import { randomUUID } from "node:crypto";

declare module "fastify" {
  interface FastifyRequest {
    /** Who this browser is: a UUID that only its cookie knows. */
    principalId: string;
  }
}

const COOKIE = "forge_demo";
const YEAR_SECONDS = 365 * 24 * 60 * 60;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Gives every browser that comes without one a random principal, in a cookie that scripts cannot read. */
export async function addPrincipals(app: FastifyInstance): Promise<void> {
  await app.register(cookie);
  app.decorateRequest("principalId", "");
  app.addHook("onRequest", async (request, reply) => {
    const known = request.cookies[COOKIE];
    if (known !== undefined && UUID.test(known)) {
      request.principalId = known;
      return;
    }
    request.principalId = randomUUID();
    reply.setCookie(COOKIE, request.principalId, {
      path: "/",
      httpOnly: true,
      sameSite: "lax",
      secure: "auto",
      maxAge: YEAR_SECONDS,
    });
  });
}
