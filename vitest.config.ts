import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    // The real servers, through one door: installed where that is allowed, else one line says how.
    globalSetup: ['packages/testing/src/global-setup.ts'],
    include: ['packages/*/src/**/*.test.ts', 'services/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/bench/.work/**'],
    pool: 'forks',
    maxWorkers: 2,
    // Real servers, real processes and kill -9 on a machine that others use too: what fails twice has failed.
    retry: process.env['CI'] === undefined ? 0 : 1,
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
})
