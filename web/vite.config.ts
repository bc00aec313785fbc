import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

// Cloudscape's sheet carries its fonts inside; ours are files (src/styles.css), smaller and under the content policy.
const fontsAreFiles: Plugin = {
  name: "fonts-are-files",
  enforce: "pre",
  transform: (code, id) =>
    id.includes("@cloudscape-design/global-styles") && id.endsWith(".css") ? code.replaceAll(/@font-face\s*\{[^}]*\}/g, "") : undefined,
};

// Relative addresses, and nothing inlined: the server's content policy allows files of its own only. Few files: a browser
// asks for six at a time.
export default defineConfig({
  base: "./",
  plugins: [fontsAreFiles, react()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    cssCodeSplit: false,
    rollupOptions: { output: { experimentalMinChunkSize: 40_000 } },
  },
});
