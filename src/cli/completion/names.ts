import { AdminClient } from '../admin-client.js'
import { Contexts } from '../contexts.js'
import type { AskList, DomainList, RingList, TokenList } from '../rest.js'
import type { RevisionList, RuleList, SetList } from '../rest-policy.js'
import type { Position } from './position.js'

/** One way to finish a word, and what it means. */
export interface Candidate {
  readonly value: string
  readonly about: string
}

type Find = (client: AdminClient, position: Position) => Promise<Candidate[]>

/**
 * What an argument or the value of an option names. An argument has its command in front where the
 * same word means different things; the last words are looked up when all of them are not here.
 */
const NAMES: Readonly<Record<string, Find | undefined>> = {
  'domain name': domains,
  'domain add name': undefined,
  'domain tag': tags,
  'domain tag tag': tags,
  'token name': domains,
  'token id': tokens,
  'rule id': rules,
  'rule add id': undefined,
  'rule from': selectors,
  'rule to': selectors,
  'policy domain': domains,
  'policy from': endpoints,
  'policy to': endpoints,
  'policy a': revisions,
  'policy b': revisions,
  'set name': sets,
  'set add element': members,
  'set rm element': elements,
  'ask id': asks,
  'ask revoke id': grants,
  'listen partner': domains,
  'send to': endpoints,
  'ping to': endpoints,
  'bench from': domains,
  'bench to': endpoints,
  'latency from': domains,
  'latency to': endpoints,
  'flows rule': rules,
  'audit-mode domain': domains,
  as: domains,
  src: domains,
  dst: domains,
  revision: revisions,
  ifRevision: revisions,
}

/**
 * The names that a daemon knows and that may stand at a position; all contexts for a context.
 * @throws whatever keeps them from being asked for.
 */
export async function namesAt(position: Position): Promise<Candidate[]> {
  const { path, slot, values } = position
  if (slot === undefined) return []
  const name = 'attributeName' in slot ? slot.attributeName() : slot.name()
  if (name === 'context' || (path[0] === 'context' && path[1] !== 'add' && name === 'name')) {
    return (await new Contexts().names()).map(value => ({ value, about: 'context' }))
  }
  const keys = [[...path, name], [path[0] ?? '', name], [name]].map(words => words.join(' '))
  const find = NAMES[keys.find(key => Object.hasOwn(NAMES, key)) ?? '']
  return find === undefined ? [] : find(await AdminClient.open(values), position)
}

async function domains(client: AdminClient): Promise<Candidate[]> {
  const list = await client.get<DomainList>('/v1/domains')
  return list.domains.map(each => ({ value: each.name, about: each.tags.join(', ') || 'domain' }))
}

async function tags(client: AdminClient): Promise<Candidate[]> {
  const list = await client.get<DomainList>('/v1/domains')
  const values = new Set(list.domains.flatMap(each => each.tags))
  return [...values].map(value => ({ value, about: 'tag' }))
}

async function sets(client: AdminClient): Promise<Candidate[]> {
  const list = await client.get<SetList>('/v1/sets')
  return list.sets.map(each => ({ value: each.name, about: `${each.elements.length} in it` }))
}

async function elements(client: AdminClient, { args }: Position): Promise<Candidate[]> {
  const list = await client.get<SetList>('/v1/sets')
  const set = list.sets.find(({ name }) => name === args[0])
  return (set?.elements ?? [])
    .filter(({ addedBy }) => addedBy !== null)
    .map(({ element, addedBy }) => ({ value: element, about: `by ${addedBy}` }))
}

async function members(client: AdminClient): Promise<Candidate[]> {
  const all = [await domains(client), await tags(client)] as const
  return [...all[0], ...all[1].map(tag => ({ ...tag, value: `tag:${tag.value}` }))]
}

/** Where to send: `NAME:`, and behind the colon the ports that are listened on. */
async function endpoints(client: AdminClient, { word }: Position): Promise<Candidate[]> {
  if (!word.includes(':')) return withColon(await domains(client))
  const list = await client.get<RingList>('/v1/rings')
  const values = new Set(list.rings.map(({ domain, port }) => `${domain}:${port}`))
  return [...values].map(value => ({ value, about: 'listens' }))
}

/** What a rule is about: `NAME:`, `tag:TAG:`, `@SET:`, and ports that are listened on. */
async function selectors(client: AdminClient, position: Position): Promise<Candidate[]> {
  const named = (await sets(client)).map(set => ({ ...set, value: `@${set.value}` }))
  const ends = withColon([...(await members(client)), ...named])
  const others = ends.filter(({ value }) => value !== position.word)
  return position.word.includes(':') ? [...others, ...(await endpoints(client, position))] : others
}

function withColon(candidates: readonly Candidate[]): Candidate[] {
  return candidates.map(each => ({ ...each, value: `${each.value}:` }))
}

async function rules(client: AdminClient): Promise<Candidate[]> {
  const list = await client.get<RuleList>('/v1/rules')
  return list.rules.map(({ id, action, source, destination }) => ({
    value: id,
    about: `${action} ${source} -> ${destination}`,
  }))
}

async function revisions(client: AdminClient): Promise<Candidate[]> {
  const list = await client.get<RevisionList>('/v1/policy/revisions?limit=50')
  return list.revisions.map(each => ({
    value: String(each.revision),
    about: each.reason || each.author,
  }))
}

async function asks(client: AdminClient): Promise<Candidate[]> {
  return flowsOf((await client.get<AskList>('/v1/asks')).asks)
}

async function grants(client: AdminClient): Promise<Candidate[]> {
  return flowsOf((await client.get<AskList>('/v1/asks')).grants)
}

function flowsOf(list: AskList['asks'] | AskList['grants']): Candidate[] {
  return list.map(({ id, source, destination }) => ({
    value: String(id),
    about: `${source} -> ${destination}`,
  }))
}

async function tokens(client: AdminClient): Promise<Candidate[]> {
  const list = await client.get<TokenList>('/v1/tokens')
  return list.tokens
    .filter(({ revokedAt }) => revokedAt === null)
    .map(({ id, role, label }) => ({
      value: String(id),
      about: [role, label].filter(Boolean).join(' '),
    }))
}
