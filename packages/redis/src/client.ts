import type { Cluster, Redis } from 'ioredis'

/** One server (or a Sentinel's primary), or a cluster. */
export type RedisClient = Redis | Cluster
