import { describeQueue } from '@longshore/testing/contracts'
import { MemoryQueue } from './memory-queue.ts'

describeQueue('in memory', async () => new MemoryQueue())
