/** The key under which Docker itself files the credentials for Docker Hub. */
export const dockerHubKey = 'https://index.docker.io/v1/'

const dockerHubHosts = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io', 'www.docker.io', 'registry.hub.docker.com'])

/** One spelling per registry: lower case, and Docker Hub's many names as `docker.io`. */
export function canonicalHost(host: string): string {
  const lower = host.toLowerCase()
  return dockerHubHosts.has(lower) ? 'docker.io' : lower
}

/** `https://index.docker.io/v1/`, `host:5000/v2/` and `host/team/` as `docker.io`, `host:5000` and `host/team`. */
export function canonicalKey(key: string): string {
  const path = key.trim().replace(/^https?:\/\//i, '').replace(/\/+$/, '').replace(/\/v[12]$/, '')
  const slash = path.indexOf('/')
  return slash < 0 ? canonicalHost(path) : canonicalHost(path.slice(0, slash)) + path.slice(slash)
}

/** `host/team/app`, `host/team`, `host`: the keys that cover a repository, the narrowest first. */
export function keysFor(registry: string, repository?: string): readonly string[] {
  const host = canonicalHost(registry)
  const components = repository === undefined || repository === '' ? [] : repository.split('/')
  return Array.from({ length: components.length + 1 }, (_, i) => [host, ...components.slice(0, components.length - i)].join('/'))
}
