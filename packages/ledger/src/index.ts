export { MigrationLostError } from './errors.ts'
export { MemoryLedger } from './memory-ledger.ts'
export type { BatchKey, BatchLease, Lost, OpenImage, PoolCounts, PoolLedger, ResolvedFacts, UnfinishedNode } from './pool-ledger.ts'
export { keyPrefix, RedisLedger } from './redis-ledger.ts'
