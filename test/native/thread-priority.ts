import { execFileSync } from 'node:child_process'
import t from 'tap'
import { loadNative } from '../../src/native/native.js'
import { STEP } from '../../src/native/thread-priority.js'

const isLinux = process.platform === 'linux'
const module = new URL('../../src/native/thread-priority.js', import.meta.url).href

interface Stand {
  readonly first: number
  readonly others: number[]
  /** The processors that each may run on, a bit for each. */
  readonly firstOn: string
  readonly othersOn: string[]
}

/** In a process of its own, since no thread can step forward again. */
function standAfter(work: string, env: NodeJS.ProcessEnv = {}): Stand {
  const script = `
    import { readdirSync, readFileSync } from 'node:fs'
    import { Worker } from 'node:worker_threads'
    import { leaveProcessor, ownThread, stepBack, stepBackOthers } from '${module}'
    ${work}
    const niceOf = thread => {
      const stat = readFileSync('/proc/self/task/' + thread + '/stat', 'utf8')
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
    }
    const processorsOf = thread => {
      const status = readFileSync('/proc/self/task/' + thread + '/status', 'utf8')
      return '0x' + /^Cpus_allowed:\\s*(\\S+)/m.exec(status)[1].replaceAll(',', '')
    }
    const threads = readdirSync('/proc/self/task').map(Number)
    const { pid } = process
    const others = threads.filter(thread => thread !== pid)
    const firstOn = processorsOf(pid)
    const othersOn = others.map(processorsOf)
    const stand = { first: niceOf(pid), others: others.map(niceOf), firstOn, othersOn }
    console.log(JSON.stringify(stand))
    process.exit()
  `
  const args = ['--input-type=module', '--eval', script]
  const options = { encoding: 'utf8', env: { ...process.env, ...env } } as const
  return JSON.parse(execFileSync(process.execPath, args, options)) as Stand
}

/** Without the first of them, unless it is the only one. */
function withoutFirst(processors: string): bigint {
  const all = BigInt(processors)
  const left = all & (all - 1n)
  return left === 0n ? all : left
}

await t.test('a thread steps back, and no other does', { skip: !isLinux }, async t => {
  const worker = `
    const code = "import('${module}').then(({ stepBack }) => { stepBack(); " +
      "import('node:worker_threads').then(({ parentPort }) => parentPort.postMessage('done')); " +
      "setInterval(() => {}, 1e6) })"
    await new Promise(resolve => new Worker(code, { eval: true }).on('message', resolve))
  `
  const { first, others } = standAfter(worker)
  t.equal(first, standAfter('').first)
  t.equal(others.filter(nice => nice === first + STEP).length, 1)
  t.equal(others.filter(nice => nice === first).length, others.length - 1)
})

await t.test('all others step back, and the first thread does not', { skip: !isLinux }, async t => {
  const { first, others } = standAfter('await stepBackOthers()')
  t.equal(first, standAfter('').first)
  t.ok(others.length > 0)
  t.same(new Set(others), new Set([first + STEP]))
})

await t.test('nobody steps further back than to the last place', { skip: !isLinux }, async t => {
  const { first } = standAfter(`
    for (let i = 0; i < 10; i++) stepBack()
  `)
  t.equal(first, 19)
})

await t.test('where threads have no priorities nothing is done', { skip: !isLinux }, async t => {
  const elsewhere = `Object.defineProperty(process, 'platform', { value: 'other' })\n`
  const { first, others } = standAfter(`${elsewhere}stepBack(); await stepBackOthers()`)
  t.same(new Set([first, ...others]), new Set([standAfter('').first]))
})

await t.test('one processor is kept free of those that step back', { skip: !isLinux }, async t => {
  const isNative = (await loadNative()) !== undefined
  const all = standAfter('await stepBackOthers()')
  t.equal(all.firstOn, standAfter('').firstOn)
  const left = isNative ? withoutFirst(all.firstOn) : BigInt(all.firstOn)
  t.same(new Set(all.othersOn.map(BigInt)), new Set([left]))
  const twice = standAfter('await stepBackOthers(); await stepBackOthers()')
  t.same(twice.othersOn, all.othersOn)
  const caller = standAfter('await leaveProcessor(ownThread())')
  t.equal(BigInt(caller.firstOn), left)

  const without = standAfter('await stepBackOthers()', { V4V_NATIVE: 'off' })
  t.same(new Set(without.othersOn), new Set([without.firstOn]))
})
