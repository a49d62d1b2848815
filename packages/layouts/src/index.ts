export { type DockerArchiveOptions, openDockerArchive } from './docker-archive/docker-archive-source.ts'
export { LayoutError } from './errors.ts'
export type { Layout, LayoutSource } from './layout.ts'
export type { TarOptions } from './tar/tar-file.ts'
