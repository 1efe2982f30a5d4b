// Mounting
export { forgeGateway } from "./plugin.ts";
export type { Authenticate, ForgeGatewayOptions } from "./options.ts";
export type { ForgeGateway } from "./mount.ts";
export type { GatewayStats } from "./gateway.ts";

// Access
export type { AccessQuestion, Authorize, JobAction } from "./access.ts";
export type { Principal } from "./principal.ts";

// Limits
export type { GatewayLimits } from "./limits/limits.ts";
export type { ScopedLimit } from "./limits/scoped-limit.ts";
