import type { ErrorCode, WireResult } from "@forge-jobs/protocol";
import { ERROR_CODES } from "@forge-jobs/protocol";
import type { FastifyReply } from "fastify";

/** Answers an error in the shape of the gateway's, so that a page needs to know one only. */
export function refuse(reply: FastifyReply, code: ErrorCode, message: string): FastifyReply {
  const body: WireResult<never> = { success: false, error: { code, message } };
  return reply.code(ERROR_CODES[code].status).send(body);
}
