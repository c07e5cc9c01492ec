import type { Answers } from '../answers.js'
import { button } from '../button.js'
import { openDialog } from '../dialog.js'
import { h } from '../dom.js'
import { reasonField, type Field, type Values } from '../form.js'
import { ago, bytes, count, left } from '../format.js'
import { say } from '../notices.js'
import { badge, bar, table, type Column } from '../table.js'
import { heading, linkTo, part, type Context, type Part } from '../view.js'

type Rule = Answers['rule']

const POLL_MS = 3_000
const PAGE = 200

/** The rules in the order in which they are asked, and what each has decided. */
export function rules(context: Context): HTMLElement {
  const { api, signal, query } = context
  const from = Math.max(Number(query.get('from')) || 1, 1)
  const shown: Part = part(
    signal,
    async () => {
      const list = await api.call('rules', { query: { from, limit: PAGE }, signal })
      const { total, revision } = list
      const pages = h(
        'p',
        { class: 'quiet' },
        `revision ${revision}: ${count(total)} rules`,
        from > 1 && ' · ',
        from > 1 &&
          h(
            'a',
            { href: linkTo('rules', { from: String(Math.max(from - PAGE, 1)) }) },
            'those before',
          ),
        from + PAGE <= total && ' · ',
        from + PAGE <= total &&
          h('a', { href: linkTo('rules', { from: String(from + PAGE) }) }, 'those behind'),
      )
      return h(
        'div',
        {},
        pages,
        table(
          list.rules,
          columns(context, revision, () => shown.reload()),
          'There are no rules.',
        ),
        byDefault(context, list.default, () => shown.reload()),
      )
    },
    POLL_MS,
  )
  return h(
    'section',
    {},
    heading(
      'Rules',
      button('Add a rule', () => addRule(context, () => shown.reload()), {
        primary: true,
        needs: [api, 'addRule'],
      }),
      button('Zero all counters', () => zeroAll(context, () => shown.reload()), {
        needs: [api, 'zeroRules'],
      }),
    ),
    shown.root,
  )
}

function columns(context: Context, revision: number, reload: () => unknown): Column<Rule>[] {
  const { api } = context
  return [
    { title: '', number: true, cell: rule => rule.position },
    {
      title: 'Rule',
      cell: ({ id, file, line }) =>
        h(
          'span',
          {},
          h('strong', {}, id),
          file !== undefined && h('br'),
          file !== undefined &&
            h(
              'a',
              { class: 'quiet', href: linkTo('policy', { file, line: String(line) }) },
              `${file}:${line}`,
            ),
        ),
    },
    { title: 'Action', cell: rule => badge(rule.action) },
    { title: 'Says', cell: says },
    { title: 'Hits', number: true, cell: rule => count(rule.hits) },
    { title: 'Bytes', number: true, cell: rule => bytes(rule.bytes) },
    { title: 'Last hit', cell: rule => ago(rule.lastHit) },
    { title: 'Limited', number: true, cell: rule => count(rule.limited) },
    {
      title: '',
      cell: rule =>
        bar(
          button('Change', () => changeRule(context, rule.id, revision, reload), {
            needs: [api, 'changeRule'],
          }),
          button('Zero', () => zero(context, rule.id, reload), { needs: [api, 'zeroRule'] }),
          button('Remove', () => removeRule(context, rule, revision, reload), {
            danger: true,
            needs: [api, 'removeRule'],
          }),
        ),
    },
  ]
}

function says(rule: Rule): HTMLElement {
  const { source, destination, type, replies, comment, expires } = rule
  const { maxBytes, rate, flowRate, quota, quotaUsed, log } = rule
  const options = [
    type !== 'any' && `type ${type}`,
    replies && 'replies',
    maxBytes !== undefined && `max_bytes ${maxBytes}`,
    rate !== undefined && `rate ${rate}`,
    flowRate !== undefined && `flow_rate ${flowRate}`,
    quota !== undefined && `quota ${quota} (${bytes(quotaUsed ?? 0)} used)`,
    log !== undefined && `log ${log}`,
    expires !== undefined && `expires: ${left(expires)}`,
  ].filter(each => each !== false)
  return h(
    'span',
    {},
    h('code', {}, `${source} → ${destination}`),
    options.length > 0 && ` ${options.join(', ')}`,
    comment !== '' && h('span', { class: 'comment' }, comment),
  )
}

function byDefault(
  context: Context,
  { hits, bytes: size, lastHit }: Answers['rules']['default'],
  reload: () => unknown,
): HTMLElement {
  return h(
    'p',
    { class: 'default' },
    badge('reject'),
    ` by default, where no rule matched: ${count(hits)} datagrams, ${bytes(size)}, last ${ago(lastHit)} `,
    button('Zero', () => zero(context, 'default', reload), { needs: [context.api, 'zeroRule'] }),
  )
}

/** What a rule says, to be filled in. */
function ruleFields(rule?: Rule): Field[] {
  const text = (value: string | number | undefined): string => String(value ?? '')
  return [
    {
      name: 'action',
      label: 'Action',
      kind: 'choice',
      options: ['accept', 'reject', 'drop', 'audit', 'ask'],
      value: rule?.action ?? 'accept',
    },
    {
      name: 'source',
      label: 'From',
      value: text(rule?.source),
      hint: 'such as web:*, tag:web:* or @oncall:*',
      required: true,
    },
    {
      name: 'destination',
      label: 'To',
      value: text(rule?.destination),
      hint: 'such as db:5432',
      required: true,
    },
    {
      name: 'position',
      label: 'Position',
      kind: 'number',
      value: text(rule?.position),
      hint: rule === undefined ? 'the last one if empty' : 'where it is if empty',
    },
    {
      name: 'type',
      label: 'Type',
      kind: 'choice',
      options: ['any', 'dgram', 'stream'],
      value: rule?.type ?? 'any',
    },
    {
      name: 'replies',
      label: 'Also the way back',
      kind: 'check',
      value: rule?.replies === true ? 'true' : '',
    },
    {
      name: 'maxBytes',
      label: 'At most so many bytes',
      kind: 'number',
      value: text(rule?.maxBytes),
    },
    { name: 'rate', label: 'Rate', value: text(rule?.rate), hint: 'such as 100/s' },
    { name: 'burst', label: 'Burst', kind: 'number', value: text(rule?.burst) },
    { name: 'flowRate', label: 'Rate of each flow', value: text(rule?.flowRate) },
    {
      name: 'flowBurst',
      label: 'Burst of each flow',
      kind: 'number',
      value: text(rule?.flowBurst),
    },
    { name: 'quota', label: 'Quota', value: text(rule?.quota), hint: 'such as 64KiB/h or 2GiB/d' },
    { name: 'log', label: 'Log', value: text(rule?.log), hint: 'none, deny, all or sample:100' },
    {
      name: 'expires',
      label: 'Expires',
      value: rule?.expires === undefined ? '' : new Date(rule.expires).toISOString(),
      hint: 'a time, or a length of time such as 10m',
    },
    { name: 'comment', label: 'Comment', value: text(rule?.comment) },
  ]
}

const applyFields: readonly Field[] = [
  reasonField,
  {
    name: 'confirm',
    label: 'Roll back unless confirmed within',
    hint: 'such as 60s; for good if empty',
  },
]

/** What of a rule was filled in; what is empty is `absent`. */
function ruleBody(values: Values, absent: null | undefined): object {
  const { action, source, destination, type, replies, comment } = values
  const optional = (name: string): unknown => values[name] || absent
  const whole = (name: string): unknown => (values[name] ? Number(values[name]) : absent)
  return {
    action,
    source,
    destination,
    type,
    replies: replies === 'true',
    comment,
    position: values['position'] ? Number(values['position']) : undefined,
    maxBytes: whole('maxBytes'),
    rate: optional('rate'),
    burst: whole('burst'),
    flowRate: optional('flowRate'),
    flowBurst: whole('flowBurst'),
    quota: optional('quota'),
    log: optional('log'),
    expires: optional('expires'),
  }
}

function addRule({ api, changed }: Context, reload: () => unknown): void {
  openDialog({
    title: 'Add a rule',
    fields: [
      { name: 'id', label: 'Id', hint: 'one is made if empty' },
      ...ruleFields(),
      ...applyFields,
    ],
    submit: 'Add',
    run: async values => {
      const { id, reason, confirm } = values
      const body = { ...ruleBody(values, undefined), ...(id !== '' && { id }) }
      const made = await api.call('addRule', { body, query: { confirm }, reason })
      say(`Rule ${made.rule.id} is in force with revision ${made.revision}.`)
      changed()
      await reload()
    },
  })
}

async function changeRule(
  { api, changed, signal }: Context,
  id: string,
  revision: number,
  reload: () => unknown,
): Promise<void> {
  const params = { id }
  const rule = await api.call('rule', { params, signal })
  openDialog({
    title: `Change rule ${id}`,
    fields: [...ruleFields(rule), ...applyFields],
    submit: 'Change',
    run: async values => {
      const { reason, confirm } = values
      const made = await api.call('changeRule', {
        params,
        body: ruleBody(values, null),
        query: { confirm },
        ifRevision: revision,
        reason,
      })
      say(`Rule ${id} was changed with revision ${made.revision}.`)
      changed()
      await reload()
    },
  })
}

function removeRule(
  { api, changed }: Context,
  { id, source, destination, action }: Rule,
  revision: number,
  reload: () => unknown,
): void {
  openDialog({
    title: `Remove rule ${id}`,
    text: h('code', {}, `${action}: ${source} → ${destination}`),
    fields: applyFields,
    submit: 'Remove',
    danger: true,
    run: async ({ reason, confirm }) => {
      const removed = await api.call('removeRule', {
        params: { id },
        query: { confirm },
        ifRevision: revision,
        reason,
      })
      say(`Rule ${id} is gone with revision ${removed.revision}.`)
      changed()
      await reload()
    },
  })
}

function zero({ api }: Context, id: string, reload: () => unknown): void {
  openDialog({
    title: `Start the counters of ${id} from zero`,
    text: 'What they stand at is retired, and stays part of the totals.',
    fields: [reasonField],
    submit: 'Zero',
    run: async ({ reason }) => {
      const { hits } = await api.call('zeroRule', { params: { id }, body: {}, reason })
      say(`${count(hits)} hits of ${id} are retired.`)
      await reload()
    },
  })
}

function zeroAll({ api }: Context, reload: () => unknown): void {
  openDialog({
    title: 'Start all counters from zero',
    text: 'What they stand at is retired, and stays part of the totals.',
    fields: [reasonField],
    submit: 'Zero all',
    danger: true,
    run: async ({ reason }) => {
      const { hits } = await api.call('zeroRules', { body: {}, reason })
      say(`${count(hits)} hits are retired.`)
      await reload()
    },
  })
}
