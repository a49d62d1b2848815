export { type AddOptions, BullQueues, type BullQueuesOptions, type MigrationQueues, type QueueKind, queueKinds, type Work } from './bull-queues.ts'
export { MemoryQueue } from './memory-queue.ts'
export type { Processing, QueuedJob } from './processing.ts'
export { Schedules, type SchedulesOptions } from './schedules.ts'
