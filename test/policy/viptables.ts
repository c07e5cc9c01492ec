import t from 'tap'
import { parseRule } from '../../src/policy/rule-text.js'
import type { Rule } from '../../src/policy/rule.js'
import {
  formatViptables,
  parseViptables,
  viptablesChange,
  type ViptablesChange,
  type ViptablesCommand,
} from '../../src/policy/viptables.js'

const names = new Map([
  [1, 'web'],
  [2, 'db'],
])

/** Reads a command line as a shell would hand it over. */
function parse(line: string): ViptablesCommand | string {
  const args = line.split(' ').filter(word => word !== '')
  return parseViptables(args, id => names.get(id))
}

function body(text: string): Omit<Rule, 'id'> {
  const parsed = parseRule(text)
  if (!parsed.ok) throw new Error(parsed.message)
  return parsed.rule
}

function table(...texts: string[]): Rule[] {
  return texts.map((text, index) => ({ id: `r${index + 1}`, ...body(text) }))
}

function change(line: string, rules: readonly Rule[]): ViptablesChange | string {
  const command = parse(line)
  return typeof command === 'string' ? command : viptablesChange(command, rules)
}

await t.test('each operation is read, by letter and by word', async t => {
  const rule = body('accept web:7 -> db:80')
  const options = '-d web -p 7 -e db -q 80 -j ACCEPT'
  const words = '--dom-in=web --port-in 7 --dom-out db --port-out=80 --jump ACCEPT'
  t.same(parse(`-A ${options}`), { kind: 'append', rule })
  t.same(parse(`${words} --append`), { kind: 'append', rule })
  for (const insert of ['-I 3', '-I3', '--insert 3', '--insert=3']) {
    t.same(parse(`${insert} ${options}`), { kind: 'insert', position: 3, rule })
  }
  for (const remove of ['-D 2', '-D2', '--delete 2', '--delete=2']) {
    t.same(parse(remove), { kind: 'delete-position', position: 2 })
  }
  t.same(parse(`-D ${options}`), { kind: 'delete-rule', rule })
  t.same(parse(`${words} -D`), { kind: 'delete-rule', rule })
  t.same(parse('-L'), { kind: 'list' })
  t.same(parse('--list'), { kind: 'list' })
  t.same(parse('-F'), { kind: 'flush' })
  t.same(parse('--flush'), { kind: 'flush' })
})

await t.test('what is left out of a rule is anything, and so are V4V numbers for it', async t => {
  const rule = body('reject *:* -> *:*')
  t.same(parse('-A -j REJECT'), { kind: 'append', rule })
  t.same(parse('-A -d * -p * -e * -q * -j REJECT'), { kind: 'append', rule })
  t.same(parse('-A -d 32756 -p 4294967295 -e 32756 -q 4294967295 -j REJECT'), {
    kind: 'append',
    rule,
  })
})

await t.test('a domain is a number or a name, and the rule is bound to the name', async t => {
  const rule = body('accept web:* -> control:514')
  t.same(parse('-A -d 1 -e 0 -q 514 -j ACCEPT'), { kind: 'append', rule })
  t.same(parse('-A -d web -e control -q 514 -j ACCEPT'), { kind: 'append', rule })
  t.same(parse('-A -d 3 -j ACCEPT'), '-d 3: no domain has that number')
  t.same(parse('-A -e 99999 -j ACCEPT'), '-e 99999: no domain has that number')
})

await t.test('a command line that makes no sense is refused with a sentence', async t => {
  const refusals: [string, RegExp][] = [
    ['', /say what to do: -A, -I, -D, -L or -F/],
    ['-d web', /say what to do/],
    ['-X', /"-X" is not an option of viptables/],
    ['--apend', /"--apend" is not an option/],
    ['web', /"web" is not an option/],
    ['-', /"-" is not an option/],
    ['-A -F', /-A and -F exclude each other/],
    ['-A -A', /-A is given twice/],
    ['-A -d web -d db -j ACCEPT', /-d is given twice/],
    ['-A3', /-A takes no value, not "3"/],
    ['--flush=all', /-F takes no value, not "all"/],
    ['-L -d web', /-L stands alone/],
    ['-F -j ACCEPT', /-F stands alone/],
    ['-I', /-I needs a value/],
    ['-I -j ACCEPT', /-I needs a value/],
    ['--jump=', /-j needs a value/],
    ['-I 0 -j ACCEPT', /-I takes a position, counted from 1, not "0"/],
    ['-I x -j ACCEPT', /-I takes a position, counted from 1, not "x"/],
    ['-I 1e3 -j ACCEPT', /not "1e3"/],
    ['-I 9999999999 -j ACCEPT', /not "9999999999"/],
    ['-I 1', /a rule needs -j ACCEPT or -j REJECT/],
    ['-D', /-D needs the position of a rule, or the rule itself/],
    ['-D 0', /-D takes a position, counted from 1, not "0"/],
    ['-D 1 -j ACCEPT', /-D takes a position or a rule, not both/],
    ['-D -d web', /a rule needs -j/],
    ['-A', /a rule needs -j ACCEPT or -j REJECT/],
    ['-A -j accept', /a rule needs -j ACCEPT or -j REJECT/],
    ['-A -j DROP', /a rule needs -j ACCEPT or -j REJECT/],
    ['-A -d Web -j ACCEPT', /-d takes a domain: a domain name is 1 to 63/],
    ['-A -e tag -j ACCEPT', /-e takes a domain: "tag" is reserved/],
    ['-A -p 80-90 -j ACCEPT', /-p takes a port from 0 to 4294967294, or \* for all, not "80-90"/],
    ['-A -q http -j ACCEPT', /-q takes a port .* not "http"/],
  ]
  for (const [line, expected] of refusals) t.match(parse(line), expected, line)
})

await t.test('appending and inserting say where the rule goes', async t => {
  const rules = table('accept web:* -> db:*', 'reject *:* -> *:*')
  const rule = body('accept *:* -> *:*')
  t.same(change('-A -j ACCEPT', rules), { kind: 'insert', position: 3, rule })
  t.same(change('-A -j ACCEPT', []), { kind: 'insert', position: 1, rule })
  t.same(change('-I 1 -j ACCEPT', rules), { kind: 'insert', position: 1, rule })
  t.same(change('-I 2 -j ACCEPT', rules), { kind: 'insert', position: 2, rule })
  t.same(change('-I 4 -j ACCEPT', rules), { kind: 'insert', position: 3, rule }, 'beyond the end')
  t.same(change('-I 999 -j ACCEPT', []), { kind: 'insert', position: 1, rule })
})

await t.test('deleting by position takes that rule or says that there is none', async t => {
  const rules = table('accept web:* -> db:*', 'reject *:* -> *:*')
  t.same(change('-D 1', rules), { kind: 'remove', ids: ['r1'] })
  t.same(change('-D 2', rules), { kind: 'remove', ids: ['r2'] })
  t.same(change('-D 3', rules), 'there is no rule 3: the table has 2 rules')
  t.same(change('-D 2', rules.slice(1)), 'there is no rule 2: the table has one rule')
  t.same(change('-D 1', []), 'there is no rule 1: the table has 0 rules')
})

await t.test('deleting by rule takes the first that is the same, verdict included', async t => {
  const rules = table(
    'reject web:* -> db:80',
    'accept web:* -> db:80 replies',
    'accept web:* -> db:80 type dgram',
    'accept web:* -> db:80  # this one',
    'accept web:* -> db:80',
  )
  t.same(change('-D -d web -e db -q 80 -j ACCEPT', rules), { kind: 'remove', ids: ['r4'] })
  t.same(change('-D -d 1 -e 2 -q 80 -j REJECT', rules), { kind: 'remove', ids: ['r1'] })
  t.same(
    change('-D -d web -e db -q 81 -j REJECT', rules),
    'no rule is the same as REJECT web:* -> db:81',
  )
  t.same(
    change('-D -e web -d db -q 80 -j ACCEPT', rules),
    'no rule is the same as ACCEPT db:* -> web:80',
  )
})

await t.test('listing changes nothing, flushing removes every rule', async t => {
  const rules = table('accept web:* -> db:*', 'reject *:* -> *:*')
  t.same(change('-L', rules), { kind: 'none' })
  t.same(change('-F', rules), { kind: 'remove', ids: ['r1', 'r2'] })
  t.same(change('-F', []), { kind: 'remove', ids: [] })
})

await t.test('the listing shows what viptables knows as viptables does', async t => {
  t.same(formatViptables([]), [])
  t.same(
    formatViptables(
      table(
        'accept web:7 -> db:5432  # comments are not shown',
        'reject *:* -> *:*',
        'accept *:1 -> control:*',
      ),
    ),
    ['1 : ACCEPT web:7 -> db:5432', '2 : REJECT *:* -> *:*', '3 : ACCEPT *:1 -> control:*'],
  )
})

await t.test('what viptables could not say is shown in brackets', async t => {
  t.same(
    formatViptables(
      table(
        'drop web:* -> db:*',
        'accept tag:web:* -> db:*',
        'accept web:* -> tag:db:*',
        'accept web:1-9 -> db:*',
        'reject web:* -> db:0-7',
        'accept web:* -> db:* type stream',
        'accept web:* -> db:* replies  # hidden',
      ),
    ),
    [
      '1 : [drop web:* -> db:*]',
      '2 : [accept tag:web:* -> db:*]',
      '3 : [accept web:* -> tag:db:*]',
      '4 : [accept web:1-9 -> db:*]',
      '5 : [reject web:* -> db:0-7]',
      '6 : [accept web:* -> db:* type stream]',
      '7 : [accept web:* -> db:* replies]',
    ],
  )
})
