export { describeLedger } from './contract-ledger.ts'
export { describeQueue } from './contract-queue.ts'
export {
  type ContractImage, type ContractLimits, contractOther, contractRepository, describeSource, describeTarget, fill, openerOf, type SourcePlace, type TargetPlace,
} from './contract-transport.ts'
export { MemoryRegistry, type MemoryOperation, type MemoryRegistryOptions } from './memory-registry.ts'
