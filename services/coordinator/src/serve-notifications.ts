// The coordinator's way in for registries' notifications, without a coordinator: for a cutover of one process.
import { createLogger, createMetrics, type HttpServer, serveHttp } from '@longshore/telemetry'
import { answers, base } from './api.ts'
import { readNotificationSettings } from './config.ts'
import { addNotificationRoute, type NotificationsOptions } from './notification-route.ts'

export interface ServeNotificationsOptions extends NotificationsOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  /** `HOST:PORT`. */
  readonly listen: string
}

/** Where notifications are taken: the same path as at a coordinator. @throws SettingsError, ListenError */
export async function serveNotifications({ env, listen, ...options }: ServeNotificationsOptions): Promise<HttpServer & { readonly notificationsUrl: (id: string) => string }> {
  const settings = readNotificationSettings(env, listen)
  const server = await serveHttp({
    // Stdout is for results, and whoever runs it sees what is heard as passes.
    listen: settings.listen, log: createLogger({ level: 'silent', secrets: settings.secrets }), metrics: createMetrics(), guard: settings.guard, metricsGuard: settings.guard, answers, ready: async () => undefined,
    extend: async (app) => { await app.register(async (api) => { await addNotificationRoute(api, options) }, { prefix: base }) },
  })
  return { ...server, notificationsUrl: (id) => `${server.url}${base}/cutovers/${id}/notifications` }
}
