export { type CoordinatorFlags } from './config.ts'
export { TokenMissingError } from './errors.ts'
export { runCoordinator } from './main.ts'
