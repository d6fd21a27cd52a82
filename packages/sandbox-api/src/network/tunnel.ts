import { AppError } from "@dormouse/kernel";
import { JsonFields } from "../json-body.ts";
import type { Route } from "../router.ts";

/**
 * The egress tunnel's routes: what they are sent is checked as clients expect, and then refused, as a sandbox's network is made
 * outside of it. Reading the configuration is not possible on purpose: it holds keys.
 */
export function tunnelRoutes(): Route[] {
  return [
    {
      method: "PUT",
      pattern: "/network/tunnel/config",
      handle: async ({ request }) => {
        const config = (await JsonFields.of(request)).requiredString("config");
        // What it needs to know addresses takes long to load, and hardly anybody asks.
        const { checkTunnelConfig } = await import("./tunnel-config.ts");
        checkTunnelConfig(config);
        const reason = "a sandbox has no WireGuard interface of its own";
        throw new AppError("UNPROCESSABLE", `the egress tunnel is not available on this host: ${reason}`);
      },
    },
    {
      method: "DELETE",
      pattern: "/network/tunnel",
      handle: () => {
        throw new AppError("INVALID_ARGUMENT", "no WireGuard client is running");
      },
    },
  ];
}
