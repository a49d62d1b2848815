export { MemoryLedger } from './memory-ledger.ts'
