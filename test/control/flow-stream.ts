import t from 'tap'
import { MESSAGE_TYPES } from '../../src/abi/addr.js'
import { FLOW_VIEWERS_MAX, FlowLog } from '../../src/control/flow-log.js'
import { FlowStream } from '../../src/control/flow-stream.js'
import { defaultVerdict } from '../../src/policy/verdict.js'

const CAPACITY = 4

function logOf(datagrams: number): FlowLog {
  const log = new FlowLog(CAPACITY, { now: () => 0 })
  for (let i = 1; i <= datagrams; i++) add(log, i)
  return log
}

function add(log: FlowLog, decisionId: number): void {
  log.add({
    decisionId,
    verdict: defaultVerdict(1),
    effect: 'reject',
    code: 'EPERM',
    source: { domain: 'web', port: 1 },
    destination: { domain: 'db', port: 2 },
    type: MESSAGE_TYPES.dgram,
    datagrams: 1,
    bytes: decisionId,
  })
}

async function textOf(stream: FlowStream): Promise<string> {
  let text = ''
  for await (const chunk of stream) text += String(chunk)
  return text
}

function stream(
  log: FlowLog,
  options: Partial<FlowStream> & { fromSeq: number; follow?: boolean },
) {
  const { fromSeq, follow = false } = options
  return new FlowStream(log, { fromSeq, follow, isAllowed: () => true })
}

void t.test('a stream that does not follow ends with the last record', async t => {
  const log = logOf(3)
  const flows = stream(log, { fromSeq: log.oldestSeq })
  t.ok(flows.start())
  const text = await textOf(flows)
  t.equal(text.match(/^event: flow$/gm)?.length, 3)
  t.notMatch(text, 'lost=')
})

void t.test('records that were overwritten are counted as lost', async t => {
  const log = logOf(1)
  const flows = stream(log, { fromSeq: log.oldestSeq })
  for (let i = 2; i <= 1 + CAPACITY + 2; i++) add(log, i)
  t.ok(flows.start())
  const text = await textOf(flows)
  t.match(text, /event: lost\ndata: lost=3\n/)
  t.equal(text.match(/^event: flow$/gm)?.length, CAPACITY)
})

void t.test(
  'a stream that follows shows what comes later, and leaves no viewer behind',
  async t => {
    const log = logOf(0)
    const flows = stream(log, { fromSeq: log.nextSeq, follow: true })
    t.ok(flows.start())
    setImmediate(() => add(log, 1))
    let text = ''
    for await (const chunk of flows) {
      text += String(chunk)
      if (text.includes('event: flow')) flows.finish()
    }
    t.match(text, 'event: flow')
    const viewers = Array.from({ length: FLOW_VIEWERS_MAX }, () =>
      stream(log, { fromSeq: 0, follow: true }),
    )
    t.ok(
      viewers.every(viewer => viewer.start()),
      'every place is free again',
    )
    const extra = stream(log, { fromSeq: 0, follow: true })
    t.notOk(extra.start(), 'one more is too many')
    for (const viewer of [...viewers, extra]) viewer.destroy()
  },
)
