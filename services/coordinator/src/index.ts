export { type CoordinatorFlags } from './config.ts'
export { TokenMissingError } from './errors.ts'
export { runCoordinator } from './main.ts'
export { serveNotifications, type ServeNotificationsOptions } from './serve-notifications.ts'
