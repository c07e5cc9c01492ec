import { execFileSync } from 'node:child_process'
import t from 'tap'
import { STEP } from '../../src/native/thread-priority.js'

const isLinux = process.platform === 'linux'
const module = new URL('../../src/native/thread-priority.js', import.meta.url).href

/** In a process of its own, since no thread can step forward again. */
function nicesAfter(work: string): { first: number; others: number[] } {
  const script = `
    import { readdirSync, readFileSync } from 'node:fs'
    import { Worker } from 'node:worker_threads'
    import { stepBack, stepBackOthers } from '${module}'
    ${work}
    const niceOf = thread => {
      const stat = readFileSync('/proc/self/task/' + thread + '/stat', 'utf8')
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
    }
    const threads = readdirSync('/proc/self/task').map(Number)
    const others = threads.filter(thread => thread !== process.pid).map(niceOf)
    console.log(JSON.stringify({ first: niceOf(process.pid), others }))
    process.exit()
  `
  const args = ['--input-type=module', '--eval', script]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as {
    first: number
    others: number[]
  }
}

await t.test('a thread steps back, and no other does', { skip: !isLinux }, async t => {
  const worker = `
    const code = "import('${module}').then(({ stepBack }) => { stepBack(); " +
      "import('node:worker_threads').then(({ parentPort }) => parentPort.postMessage('done')); " +
      "setInterval(() => {}, 1e6) })"
    await new Promise(resolve => new Worker(code, { eval: true }).on('message', resolve))
  `
  const { first, others } = nicesAfter(worker)
  t.equal(first, nicesAfter('').first)
  t.equal(others.filter(nice => nice === first + STEP).length, 1)
  t.equal(others.filter(nice => nice === first).length, others.length - 1)
})

await t.test('all others step back, and the first thread does not', { skip: !isLinux }, async t => {
  const { first, others } = nicesAfter('stepBackOthers()')
  t.equal(first, nicesAfter('').first)
  t.ok(others.length > 0)
  t.same(new Set(others), new Set([first + STEP]))
})

await t.test('nobody steps further back than to the last place', { skip: !isLinux }, async t => {
  const { first } = nicesAfter(`
    for (let i = 0; i < 10; i++) stepBack()
  `)
  t.equal(first, 19)
})

await t.test('where threads have no priorities nothing is done', { skip: !isLinux }, async t => {
  const elsewhere = `Object.defineProperty(process, 'platform', { value: 'other' })\n`
  const { first, others } = nicesAfter(`${elsewhere}stepBack(); stepBackOthers()`)
  t.same(new Set([first, ...others]), new Set([nicesAfter('').first]))
})
