// What a source tells of itself by Harbor's API: its projects, their repositories, when tags were pushed, and labels.
import { isTag } from '@longshore/oci'
import type { Inventory, InventoryTag, Io } from '@longshore/transfer'
import { listArtifacts } from './artifact.ts'
import type { Harbor } from './harbor.ts'
import { listProjects } from './project.ts'
import { listRepositories } from './repository.ts'
import { notTaken } from './refusal.ts'
import { discover } from './system.ts'

/**
 * The inventory, or `undefined` where no Harbor answers.
 * @throws HarborError HARBOR_UNAUTHORIZED: Harbor takes whoever it does not know for anonymous, and would show public projects only
 */
export async function inventoryOf(harbor: Harbor, io: Io): Promise<Inventory | undefined> {
  const info = await discover(harbor, io)
  if (!info) return undefined
  const account = await harbor.account()
  if (account !== undefined && info.registry_url === undefined) throw notTaken(harbor.registry, 'GET /api/v2.0/systeminfo', account)
  return {
    async* namespaces(at) { yield* once(namesOf(listProjects(harbor, {}, at))) },
    async* repositories(namespace, at) { yield* once(namesOf(listRepositories(harbor, namespace, {}, at))) },
    tags: async (repository, at) => await tagsOf(harbor, repository, at),
  }
}

/** In the order in which artifacts were first pushed, so that what is pushed meanwhile comes behind and moves no page. */
async function tagsOf(harbor: Harbor, repository: string, io: Io): Promise<readonly InventoryTag[]> {
  const slash = repository.indexOf('/')
  if (slash < 0) return []
  const tags = new Map<string, InventoryTag>()
  const filter = { withTag: true, withLabel: true, sort: 'id' }
  for await (const { tags: named, labels, push_time: pushed } of listArtifacts(harbor, repository.slice(0, slash), repository.slice(slash + 1), filter, io)) {
    for (const { name, push_time: at = pushed } of named) {
      if (isTag(name)) tags.set(name, { tag: name, labels: labels.map((label) => label.name), ...(at === undefined ? {} : { pushedAt: new Date(at) }) })
    }
  }
  return [...tags.values()]
}

async function* namesOf(items: AsyncIterable<{ readonly name: string }>): AsyncGenerator<string, void, void> { for await (const { name } of items) yield name }

/** What is made or deleted while pages are read moves the others. */
async function* once(names: AsyncIterable<string>): AsyncGenerator<string, void, void> {
  const seen = new Set<string>()
  for await (const name of names) {
    if (seen.has(name)) continue
    seen.add(name)
    yield name
  }
}
