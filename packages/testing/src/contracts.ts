export { describeLedger } from './contract-ledger.ts'
export { describeQueue } from './contract-queue.ts'
export { MemoryRegistry, type MemoryOperation, type MemoryRegistryOptions } from './memory-registry.ts'
