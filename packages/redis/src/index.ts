export type { RedisClient } from './client.ts'
export { defineScripts, type Script } from './scripts.ts'
