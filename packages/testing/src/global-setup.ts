// Vitest's globalSetup.
export { ensureServers as setup } from './servers.ts'
