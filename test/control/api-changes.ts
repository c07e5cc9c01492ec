import t from 'tap'
import { apiChanges, changesText, isRaised } from './fixtures/api-changes.js'
import { formatApi, readKeptApi } from './fixtures/kept-api.js'

const kept = readKeptApi()

/** Values of the description by where they stand; undefined takes what is there away. */
type Edits = Readonly<Record<string, unknown>>

/** What is said when the description that is kept is changed at some places. */
function changedBy(edits: Edits): string {
  const after = structuredClone(kept) as Record<string, unknown>
  for (const [place, value] of Object.entries(edits)) {
    const keys = place.split(' > ')
    const last = keys.pop()!
    let part = after
    for (const key of keys) part = part[key] as Record<string, unknown>
    if (value === undefined) delete part[last]
    else part[last] = value
  }
  return changesText(apiChanges(kept, after))
}

const json = 'content > application/json > schema'
const explain = `paths > /v1/policy/explain > post > requestBody > ${json}`
const rings = 'paths > /v1/rings > get'
const schema = 'components > schemas'

const cases: readonly (readonly [name: string, edits: Edits, ...said: readonly string[]])[] = [
  ['nothing', {}],
  ['a path that goes', { 'paths > /v1/sets': undefined }, 'breaking: GET /v1/sets is gone'],
  [
    'a method that goes',
    { 'paths > /v1/rules/{id} > patch': undefined },
    'breaking: PATCH /v1/rules/{id} is gone',
  ],
  ['a path that comes', { 'paths > /v1/x': { get: {} } }, 'compatible: GET /v1/x is new'],
  [
    'a role that is raised',
    { [`${rings} > x-v4v-role`]: 'root' },
    'breaking: GET /v1/rings needs the role root now',
  ],
  [
    'a role that is lowered',
    { 'paths > /v1/tokens > post > x-v4v-role': 'operator' },
    'compatible: POST /v1/tokens needs the role operator now',
  ],
  [
    'another name for generated clients',
    { [`${rings} > operationId`]: 'rings' },
    'breaking: GET /v1/rings is called rings by generated clients',
  ],
  [
    'another summary',
    { [`${rings} > summary`]: 'Rings.' },
    'wording: GET /v1/rings has another summary',
  ],
  [
    'no protection',
    { [`${rings} > security`]: [] },
    'breaking: GET /v1/rings has another security',
  ],
  [
    'a parameter that is required',
    { [`${rings} > parameters > 0 > required`]: true },
    'breaking: GET /v1/rings, query domain is required now',
  ],
  [
    'parameters that go and come',
    { [`${rings} > parameters`]: [{ in: 'query', name: 'port', required: true }] },
    'breaking: GET /v1/rings, query domain is gone',
    'breaking: GET /v1/rings, query fullest is gone',
    'breaking: GET /v1/rings, query port is new and required',
  ],
  [
    'a field that has to be sent',
    { [`${explain} > required`]: ['from', 'to', 'type'] },
    'breaking: POST /v1/policy/explain, body: type is required now',
  ],
  [
    'new fields of a body',
    {
      [`${explain} > required`]: ['from', 'to', 'via'],
      [`${explain} > properties > via`]: { type: 'string' },
      [`${explain} > properties > why`]: { type: 'string' },
    },
    'breaking: POST /v1/policy/explain, body: via is new and required',
    'compatible: POST /v1/policy/explain, body: why is new',
  ],
  [
    'a body that has to be sent',
    { 'paths > /v1/rules/zero > post > requestBody > required': true },
    'breaking: POST /v1/rules/zero, body is required now',
  ],
  [
    'bodies that go and come',
    {
      'paths > /v1/rules/zero > post > requestBody': undefined,
      [`${rings} > requestBody`]: { content: {} },
    },
    'breaking: POST /v1/rules/zero, body is gone',
    'compatible: GET /v1/rings, body is new',
  ],
  [
    'a field of a body that goes',
    { [`${explain} > properties > size`]: undefined },
    'breaking: POST /v1/policy/explain, body: size is gone',
  ],
  [
    'a field of an answer that goes',
    { [`${schema} > Token > properties > label`]: undefined },
    'breaking: Token in each answer: label is gone',
  ],
  [
    'a field of an answer that comes',
    { [`${schema} > Token > properties > uses`]: { type: 'integer' } },
    'compatible: Token in each answer: uses is new',
  ],
  [
    'a field of an answer that may be missing',
    { [`${schema} > Ask > required`]: ['id'] },
    ...['source', 'destination', 'type', 'rule', 'since', 'deadline', 'datagrams'].map(
      name => `breaking: Ask in each answer: ${name} is optional now`,
    ),
  ],
  [
    'a field of an answer of another type',
    { [`${schema} > Token > properties > label > type`]: 'integer' },
    'breaking: Token in each answer: label may also be integer now',
    'compatible: Token in each answer: label is no string any more',
  ],
  [
    'a field of an answer that may be null',
    { [`${schema} > Token > properties > label > type`]: ['string', 'null'] },
    'breaking: Token in each answer: label may also be null now',
  ],
  [
    'any number where whole ones came',
    { [`${schema} > Ring > properties > senders > type`]: 'number' },
    'breaking: Ring in each answer: senders is number now, not integer',
  ],
  [
    'words that go and come, in what is sent and received',
    {
      [`${schema} > RuleDocument > properties > action > enum`]: [
        ...['accept', 'reject', 'drop', 'ask', 'defer'],
      ],
    },
    'breaking: RuleDocument in each request: action is never "audit" any more',
    'compatible: RuleDocument in each answer: action is never "audit" any more',
    'compatible: RuleDocument in each answer: action may be "defer" now',
    'compatible: RuleDocument in each request: action may be "defer" now',
  ],
  [
    'bounds that are closer and wider',
    {
      [`${explain} > properties > from > maxLength`]: 16,
      [`${explain} > properties > from > minLength`]: 0,
    },
    'breaking: POST /v1/policy/explain, body: from has maxLength 16 now, not 128',
    'compatible: POST /v1/policy/explain, body: from has minLength 0 now, not 1',
  ],
  [
    'a pattern that was not asked for',
    { [`${explain} > properties > from > pattern`]: '^a' },
    'breaking: POST /v1/policy/explain, body: from has pattern "^a" now, not nothing',
  ],
  [
    'a field in a list of an answer',
    { [`${schema} > Error > properties > details > items > properties > line`]: undefined },
    'breaking: Error in each answer: details[].line is gone',
  ],
  [
    'what was unknown and is known',
    {
      [`${schema} > Plan > properties > lint > properties > listed > items`]: { type: 'string' },
    },
    'compatible: Plan in each answer: lint.listed[] is string now, not anything',
  ],
  [
    'a body that takes more than it names',
    { [`${explain} > additionalProperties`]: undefined },
    'compatible: POST /v1/policy/explain, body has additionalProperties nothing now, not false',
  ],
  [
    'elements of sets that are shorter',
    {
      [`${schema} > PolicyRequest > properties > sets > additionalProperties > items > maxLength`]: 10,
    },
    'breaking: PolicyRequest in each request: sets.*[] has maxLength 10 now, not 160',
  ],
  [
    'a keyword that is not known here',
    { [`${schema} > Token > properties > label > contains`]: {} },
    'breaking: Token in each answer: label has contains {} now, not nothing',
  ],
  [
    'another description of a field',
    { [`${schema} > Token > properties > label > description`]: 'x' },
    'wording: Token in each answer: label has another description',
  ],
  [
    'answers that go and come, and another type of content',
    {
      [`${rings} > responses > 200 > content`]: { 'text/csv': {} },
      [`${rings} > responses > 202`]: {},
      [`${rings} > responses > 5XX`]: undefined,
    },
    'breaking: GET /v1/rings, answer 200 is not to be had as application/json any more',
    'breaking: GET /v1/rings, answer 202 is new',
    'breaking: GET /v1/rings, answer 5XX is gone',
    'compatible: GET /v1/rings, answer 200 may be text/csv now',
  ],
  [
    'another way to be let in',
    { 'components > securitySchemes': undefined },
    'breaking: the whole API is protected in another way',
  ],
  [
    'another version',
    { 'info > version': '9.0.0' },
    'wording: the whole API is of version 9.0.0 now',
  ],
  [
    'a reference in place of what it means',
    {
      [`${explain} > properties > revision > $ref`]: '#/components/schemas/Number',
      [`${schema} > Number`]: { type: 'integer' },
    },
    'compatible: POST /v1/policy/explain, body: revision has maximum nothing now, not 9007199254740991',
    'compatible: POST /v1/policy/explain, body: revision has minimum nothing now, not 0',
    'wording: POST /v1/policy/explain, body: revision has another description',
  ],
]

void t.test('each change of the API is found, and whether it breaks programs', async t => {
  for (const [name, edits, ...said] of cases) {
    t.strictSame(changedBy(edits).split('\n').filter(Boolean).toSorted(), said.toSorted(), name)
  }
})

void t.test('the version says that something may break by its first number but 0', async t => {
  const raised = (before: string, after: string): boolean =>
    isRaised({ info: { version: before } }, { info: { version: after } })
  t.ok(raised('0.1.0', '0.2.0'))
  t.notOk(raised('0.1.0', '0.1.1'))
  t.ok(raised('0.9.0', '1.0.0'))
  t.ok(raised('1.9.0', '2.0.0'))
  t.notOk(raised('1.1.0', '1.2.0'))
  t.notOk(raised('1.1.0', '0.2.0'))
})

void t.test('the text of a description does not depend on the order of its fields', async t => {
  t.equal(formatApi({ b: [{ d: 1, c: 2 }], a: 3 }), formatApi({ a: 3, b: [{ c: 2, d: 1 }] }))
})
