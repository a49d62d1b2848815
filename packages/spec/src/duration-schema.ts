import { checked } from './checked.ts'
import { parseDuration } from './duration.ts'

export const duration = checked(parseDuration, 'A length of time: 30s, 5m, 1h30m, 2d')
