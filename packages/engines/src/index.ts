export { type ContainersStorageOptions, type ImageStore, openContainersStorage } from './containers-storage.ts'
export { EngineError } from './errors.ts'
