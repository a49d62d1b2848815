export type { WorkerFlags } from './config.ts'
export { runWorker } from './main.ts'
