import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { policyCommand } from '../../src/cli/commands/policy.js'
import { EXIT, errorLine, Failure } from '../../src/cli/fail.js'
import { run } from '../cli/fixtures/v4v.js'
import { spawnDaemon } from '../fixtures/daemon.js'
import { SteadyFlow } from '../fixtures/steady-flow.js'
import { malformedDocuments } from '../policy/fixtures/malformed-documents.js'

// A document that is no policy is refused with the place of what is wrong, and the policy in force
// stays as it is: asked for over REST and by the command, while datagrams flow.

t.setTimeout(180_000)

/** As many as start processes of their own. */
const PROCESSES = 4
const NAME = '10-bad.yaml'
const PLACE = new RegExp(`(^|\\n|: )${NAME}:[1-9][0-9]*:[1-9][0-9]*: .{10}`)

interface Refused {
  readonly code: string
  readonly message: string
  readonly details: readonly { file: string; line: number; column: number; message: string }[]
}

const daemon = await spawnDaemon(t)
await daemon.addDomains('web', 'db')
const good = `sets:
  friends: [web]
rules:
  - id: friends-to-db
    accept: '@friends:* -> db:7' # stays
tests:
  - { from: web:1, to: db:7, expect: accept }
`
await daemon.admin.ask('PUT', '/v1/policy', { documents: [{ name: '00.yaml', text: good }] })

/** The policy in force, word for word, with its revision. */
async function inForce(): Promise<unknown> {
  return daemon.admin.ask('GET', '/v1/policy?form=documents')
}

/** Runs the command in this process. @returns its exit code and what it says. */
async function apply(file: string): Promise<{ code: number; said: string }> {
  let said = ''
  const write = process.stderr.write.bind(process.stderr)
  process.stderr.write = (text: string | Uint8Array) => {
    said += String(text)
    return true
  }
  try {
    await policyCommand().parseAsync(['apply', file, '--state', daemon.stateDir], { from: 'user' })
    return { code: EXIT.ok, said }
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    return { code: error.exitCode, said: said + errorLine(error) }
  } finally {
    process.stderr.write = write
  }
}

await t.test('no malformed document touches the policy in force', async t => {
  const before = await inForce()
  const rules = await daemon.admin.ask<{ revision: number }>('GET', '/v1/rules?limit=1')
  const flow = await SteadyFlow.start(daemon, 'web', 'db')
  const file = join(t.testdir(), NAME)
  const wrong: unknown[] = []
  const unlike = (what: string, text: string, said: unknown): void => {
    wrong.push({ what, text, said })
  }
  let refusals = 0
  for (const [number, text] of malformedDocuments.entries()) {
    const documents = [{ name: NAME, text }]
    const { status, body } = await daemon.admin.request<Refused>('PUT', '/v1/policy', { documents })
    const lines = text.split('\n').length
    const arePlaced = body.details.every(
      ({ file: name, line, column }) => name === NAME && line >= 1 && line <= lines && column >= 1,
    )
    const isRefused = status === 400 && body.code === 'EINVAL' && PLACE.test(body.message)
    if (!isRefused || !arePlaced || body.details.length === 0) unlike('REST', text, body)
    writeFileSync(file, text)
    const byCommand = await apply(file)
    if (byCommand.code !== 3 || !PLACE.test(byCommand.said)) unlike('command', text, byCommand)
    if (number < PROCESSES) {
      const env = { V4V_STATE: daemon.stateDir }
      const ran = await run(['policy', 'apply', file], { env })
      if (ran.code !== 3 || !PLACE.test(ran.stderr)) unlike('process', text, ran)
    }
    const after = await inForce()
    if (JSON.stringify(after) !== JSON.stringify(before)) unlike('changed', text, after)
    refusals++
    while (flow.sent <= refusals && flow.problem === undefined) await sleep(1)
  }
  await flow.end()
  t.same(wrong.slice(0, 3), [])
  t.ok(refusals >= 200, `${refusals} documents`)
  t.equal(flow.problem, undefined)
  t.ok(flow.sent > refusals, `${flow.sent} datagrams flowed meanwhile`)
  t.equal((await daemon.admin.stats()).revision, rules.revision)
  const history = await daemon.admin.ask<{ revisions: unknown[] }>('GET', '/v1/policy/revisions')
  t.equal(history.revisions.length, rules.revision, 'no revision was made')
  const records = await daemon.admin.ask<{ records: { action: string }[] }>('GET', '/v1/audit')
  t.equal(records.records[0]?.action, 'policy.replace', 'the last change is the good one')
})
