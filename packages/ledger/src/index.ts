export { MemoryLedger } from './memory-ledger.ts'
export type { BatchKey, BatchLease, Lost, PoolCounts, PoolLedger, ResolvedFacts } from './pool-ledger.ts'
