import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// The built page lies at /page/ of this room's jar, from where the server serves it.
export default defineConfig({
  plugins: [react()],
  build: { outDir: 'target/classes/page', emptyOutDir: true, manifest: 'manifest.json', assetsInlineLimit: 0 },
  server: { port: 5173, proxy: { '/api': { target: process.env.MILLWRIGHT_SERVER ?? 'http://127.0.0.1:7070', ws: true } } },
});
