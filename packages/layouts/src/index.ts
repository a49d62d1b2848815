export { LayoutError } from './errors.ts'
export type { Layout, LayoutSource } from './layout.ts'
