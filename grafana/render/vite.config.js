// Builds the page once; the data is put beside it by whoever takes the screenshots.
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  plugins: [react()],
  resolve: {
    // Grafana's packages name a bridge between two routers, of which only one is here.
    alias: { 'react-router-dom-v5-compat': 'react-router-dom' },
  },
  define: { 'process.env': {}, global: 'window' },
  build: { chunkSizeWarningLimit: 20000, sourcemap: false, minify: false },
});
