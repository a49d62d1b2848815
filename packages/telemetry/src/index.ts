export { ListenError, RequestError, RequestInvalidError, ServerBusyError, SettingsError, TokenRefusedError } from './errors.ts'
export { type Guard, type HttpApp, type HttpReply, type HttpRequest, type HttpServer, type HttpServerOptions, securityHeaders, serveHttp } from './http-server.ts'
export { formatListen, isLoopback, type ListenAddress, parseListen } from './listen.ts'
export { createLogger, type LogFields, type Logger, type LoggerOptions, type LogLevel, logLevels } from './logger.ts'
export {
  type ActiveCutover, type ActiveMigration, type BlobOutcome, createMetrics, createPoolMetrics, type ImageOutcome, type JobResult, type Metrics, type PoolMetrics, type QueueName, type RegistryDelta, type WorkKind,
} from './metrics.ts'
export { type Answers, type Problem, problemOf, problemType, toProblem } from './problem.ts'
export { type MeteredClients, type RegistryCounts, RegistryMeter } from './registry-meter.ts'
export { createScrubber } from './scrub.ts'
export { readSecret, secretsIn, unknownVariables } from './secret.ts'
export { readSettings, type SettingFlags, stopOnSignals, type StopSignals, untilOpen } from './service.ts'
export { timeOperations } from './time-operations.ts'
