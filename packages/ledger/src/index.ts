export { MemoryLedger } from './memory-ledger.ts'
export type { BatchKey, BatchLease, ImageResult, Lost, PoolCounts, PoolLedger, ResolvedFacts } from './pool-ledger.ts'
