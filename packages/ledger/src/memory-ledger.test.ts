import { describeLedger } from '@longshore/testing/contracts'
import { MemoryLedger } from './memory-ledger.ts'

describeLedger('in memory', async () => new MemoryLedger())
