import { defineConfig } from "astro/config";

/* It cannot know the host of its previews: those decide who may see it. */
export default defineConfig({
  server: { host: "0.0.0.0", port: 4321, allowedHosts: true },
});
