import { describeLedger } from '@longshore/testing/contracts'
import { useRedis } from './redis.fixture.ts'

const redis = useRedis()

describeLedger('in Redis', async () => await redis.begin())
