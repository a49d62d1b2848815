// A process that takes jobs and never lets go of them. argv: url of Redis, prefix. Says what it has taken.
import { connectRedis } from '@longshore/redis'
import { BullQueues } from './bull-queues.ts'

const [, , url = '', prefix = ''] = process.argv
const connection = await connectRedis({ url, name: 'holder', onTrouble: () => {}, onRecovered: () => {} })
const queues = new BullQueues(connection, { prefix, onProblem: () => {} })
queues.process('blobs', async ({ nodes }) => {
  process.stdout.write(`${nodes.join('\n')}\n`)
  await new Promise(() => { /* for ever */ })
}, { concurrency: 3 })
