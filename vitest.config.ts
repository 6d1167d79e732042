import { defineConfig } from 'vitest/config';

const suite = (name: string, include: string[], exclude: string[], timeout: number) => ({
  test: { name, include, exclude, testTimeout: timeout, hookTimeout: timeout * 2, pool: 'forks' as const },
});

export default defineConfig({
  test: {
    projects: [
      suite('unit', ['test/**/*.test.{ts,tsx}'], ['test/interop/**', 'test/main/**', 'test/e2e/**'], 30_000),
      suite('interop', ['test/interop/**/*.test.ts'], [], 120_000),
      suite('main', ['test/main/**/*.test.ts'], [], 180_000),
      suite('e2e', ['test/e2e/**/*.test.ts'], [], 300_000),
    ],
  },
});
