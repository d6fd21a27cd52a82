import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/* It cannot know the host of its previews: those decide who may see it. */
export default defineConfig({
  plugins: [react()],
  server: { host: "0.0.0.0", port: 5173, strictPort: true, allowedHosts: true },
});
