// https://github.com/goharbor/harbor/blob/v2.12.0/src/server/v2.0/handler/immutable.go
import { type Answer, type Call, jsonOf, ok, projectFor } from '../call.ts'
import { badRequest, conflict, HarborRefusal, notFound } from '../harbor-error.ts'
import type { ImmutableRule, Project, Selector } from '../model.ts'
import { answerPage } from '../query.ts'
import { flagOf, type Json, listOf, numberOf, objectOf, textOf } from './json.ts'

function ruleJson(rule: ImmutableRule): Json {
  return {
    action: rule.action, disabled: rule.disabled, id: rule.id, priority: rule.priority, scope_selectors: rule.scopeSelectors, tag_selectors: rule.tagSelectors,
    template: rule.template,
  }
}

type Content = Omit<ImmutableRule, 'id' | 'projectId'>

/** @throws HarborRefusal 400, 500 */
function contentOf(body: Json): Content {
  const scopes = objectOf(body, 'scope_selectors') ?? {}
  const content: Content = {
    priority: numberOf(body, 'priority') ?? 0, disabled: flagOf(body, 'disabled') ?? false, action: textOf(body, 'action') ?? '', template: textOf(body, 'template') ?? '',
    tagSelectors: (listOf(body, 'tag_selectors') ?? []).map(selectorOf),
    scopeSelectors: Object.fromEntries(Object.keys(scopes).map((name) => [name, (listOf(scopes, name) ?? []).map(selectorOf)])),
  }
  // Harbor's own check of the record: an error of its own, which it answers as one.
  const selectors = [...content.tagSelectors, ...Object.values(content.scopeSelectors).flat()]
  if (content.action !== 'immutable' || content.template !== 'immutable_template' || selectors.some(({ kind, pattern }) => kind !== 'doublestar' || pattern === '')) {
    throw new HarborRefusal('UNKNOWN', 'invalid immutable rule')
  }
  return content
}

function selectorOf(json: Json): Selector {
  const extras = textOf(json, 'extras')
  return { kind: textOf(json, 'kind') ?? '', decoration: textOf(json, 'decoration') ?? '', pattern: textOf(json, 'pattern') ?? '', ...(extras === undefined ? {} : { extras }) }
}

export function ListImmuRules(call: Call): Answer {
  const project = projectFor(call, 'list', 'immutable-tag')
  const shown = [...call.state.immutableRules.values()].filter((rule) => rule.projectId === project.id)
  return answerPage(call, shown, { fields: { id: (rule) => rule.id, disabled: (rule) => rule.disabled }, sort: 'id' }, ruleJson)
}

export async function CreateImmuRule(call: Call): Promise<Answer> {
  const project = projectFor(call, 'create', 'immutable-tag')
  const content = contentOf(await jsonOf(call))
  const { state, url } = call
  const same = JSON.stringify([content.tagSelectors, content.scopeSelectors])
  if ([...state.immutableRules.values()].some((rule) => rule.projectId === project.id && JSON.stringify([rule.tagSelectors, rule.scopeSelectors]) === same)) {
    throw conflict('immutable rule already exists')
  }
  const id = state.nextId('immutable')
  state.immutableRules.set(id, { id, projectId: project.id, ...content })
  return { status: 201, headers: { location: `${url.pathname.replace(/\/$/, '')}/${id}` } }
}

/** A rule is switched on or off, or changed: not both at once. */
export async function UpdateImmuRule(call: Call): Promise<Answer> {
  const body = await jsonOf(call)
  if (numberOf(body, 'id') !== Number(call.params['immutable_rule_id'])) {
    throw badRequest('bad request: the immutable_rule_id doesn\'t match the id in the payload body of ImmutableRule')
  }
  const project = projectFor(call, 'update', 'immutable-tag')
  const rule = ruleFor(call, project)
  const content = contentOf(body)
  if (content.disabled !== rule.disabled) rule.disabled = content.disabled
  else call.state.immutableRules.set(rule.id, { ...rule, ...content })
  return ok
}

export function DeleteImmuRule(call: Call): Answer {
  const project = projectFor(call, 'delete', 'immutable-tag')
  call.state.immutableRules.delete(ruleFor(call, project).id)
  return ok
}

function ruleFor({ state, params }: Call, project: Project): ImmutableRule {
  const rule = state.immutableRules.get(Number(params['immutable_rule_id']))
  if (!rule) throw notFound(`the immutable rule ${params['immutable_rule_id'] ?? ''} is not found.`)
  if (rule.projectId !== project.id) throw notFound(`resource not found: project id ${project.id} does not match`)
  return rule
}
