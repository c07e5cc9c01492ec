import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import t, { Stdin } from 'tap'

/**
 * Runs the compiled test files and ends with one line, `N passed, N failed`.
 *
 *     node dist/test/run.js [--no-coverage] [FILE...]
 *
 * Without a FILE all of them run, and the folders of `coveredFolders` must be covered completely.
 * A FILE is a test or a folder, compiled or not: `test/abi`, `test/abi/frame.ts` or
 * `dist/test/abi/frame.js`. A file runs in a process of its own, whose output tap's parser reads, or
 * with others of its kind where all of them only compute. tap's own command loads a TypeScript
 * compiler and hooks for mocks into each process, which there is no use for here and which cost more
 * than most of the tests.
 */

const dist = fileURLToPath(new URL('..', import.meta.url))
const root = resolve(dist, '..')
const coverageDir = join(root, 'coverage')

/** A file that runs longer than this is stopped and counts as failed. */
const fileTimeoutMs = Number(process.env['V4V_TEST_TIMEOUT_MS'] ?? 240_000)
const killAfterMs = 5_000
/** Failures of one file that are shown. */
const shownMax = 10
/** Pure folders: whatever they can do, some test of theirs makes them do. */
const coveredFolders = ['util', 'abi', 'policy', 'hypervisor']
/** Files that take long start first, so that none of them is left alone at the end. */
const longFiles = [
  'promises/kill-sender.js',
  'promises/kill-receiver.js',
  'policy/agreement.js',
  'daemon.js',
  'daemon-policy.js',
  'promises/applies-under-load.js',
  'promises/malformed-policy.js',
  'control/routes/policy.js',
  'fuzz/unix-socket.js',
  'promises/back-pressure.js',
  'sdk/end-to-end.js',
  'sdk/shared-memory.js',
  'cli/traffic.js',
  'cli/commands.js',
  'cli/features.js',
  'policy/decision-diff.js',
  'control/routes/inquiries.js',
  'promises/rule-change.js',
  'promises/shared-memory.js',
  'promises/limits-and-asks.js',
  'sim/exhaustive.js',
  'policy/document.js',
  'policy/policy-table.js',
]
/** Whose other files share processes, of so many each: to start one costs more than most of them. */
const sharingFolders = [...coveredFolders, 'bench', 'websocket']
const FILES_TOGETHER_MAX = 12
const TOGETHER = 'fixtures/together.js'
const FILE_COMMENT = /^# file (.*)\n$/
const neverTests = /(^|\/)fixtures\/|^run\.js$/

interface Failure {
  readonly title: string
  readonly details: Record<string, unknown>
}

/** What tap's parser says about an assertion that is not a subtest. */
interface TapResult {
  readonly ok: boolean
  readonly skip: boolean | string
  readonly fullname: string
  readonly diag: unknown
}

interface FileResult {
  readonly file: string
  passed: number
  skipped: number
  readonly failures: Failure[]
  stderr: string
  elapsedMs: number
}

// This process is no test: it has no time of its own to keep.
t.setTimeout(0)
process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const wanted = args.filter(arg => !arg.startsWith('--'))
  const unknown = args.filter(arg => arg.startsWith('--') && arg !== '--no-coverage')
  const cover = wanted.length === 0 && !args.includes('--no-coverage')
  removeStale('src')
  removeStale('test')

  const files = testFiles().filter(file => isWanted(file, wanted))
  const problems = unknown.map(option => `unknown option ${option}`)
  if (files.length === 0) problems.push(`no test file matches ${wanted.join(' ') || 'dist/test'}`)

  const rawCoverageDir = join(coverageDir, 'tmp')
  rmSync(coverageDir, { recursive: true, force: true })
  if (cover) mkdirSync(rawCoverageDir, { recursive: true })

  let passed = 0
  let skipped = 0
  let failed = 0
  const queue = problems.length > 0 ? [] : processesOf(files)
  await eachOf(queue, jobs(), async together => {
    const isCounted = cover && isIn(together[0]!, coveredFolders)
    for (const result of await runFiles(together, isCounted ? rawCoverageDir : undefined)) {
      passed += result.passed
      skipped += result.skipped
      failed += result.failures.length
      report(result)
    }
  })
  if (problems.length === 0 && failed === 0 && cover && !(await isCovered(rawCoverageDir))) {
    problems.push(
      `src/{${coveredFolders.join(',')}} is not covered completely: see the table above`,
    )
  }
  rmSync(rawCoverageDir, { recursive: true, force: true })
  if (problems.length === 0 && passed + failed === 0) problems.push('no test ran')

  for (const problem of problems) console.log(`not ok: ${problem}`)
  if (skipped > 0) console.log(`${skipped} skipped`)
  failed += problems.length
  console.log(`${passed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

/** As many at a time as there are processors, but always two: some of them wait a lot. */
function jobs(): number {
  return Math.max(2, Number(process.env['V4V_TEST_JOBS'] ?? availableParallelism()))
}

/** Removes what was compiled from a file that is gone, so that it can't be run or imported. */
function removeStale(folder: string): void {
  for (const file of compiledFiles(folder)) {
    const stem = file.slice(0, -'.js'.length)
    if (existsSync(join(root, folder, `${stem}.ts`))) continue
    for (const ending of ['.js', '.js.map', '.d.ts']) {
      rmSync(join(dist, folder, stem + ending), { force: true })
    }
  }
}

function compiledFiles(folder: string): string[] {
  const dir = join(dist, folder)
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter(file =>
    file.endsWith('.js'),
  )
}

/** Paths below dist/test, in a stable order. */
function testFiles(): string[] {
  return compiledFiles('test')
    .filter(file => !neverTests.test(file))
    .sort()
    .toSorted((a, b) => rank(a) - rank(b))
}

/** Which files run in one process: those of one folder, if they may. */
function processesOf(files: readonly string[]): string[][] {
  const processes: string[][] = []
  for (const file of files) {
    const folders = sharingFolders.filter(folder => isIn(file, [folder]))
    const last = processes.at(-1)
    const isShared =
      last !== undefined &&
      last.length < FILES_TOGETHER_MAX &&
      [file, ...last].every(each => isIn(each, folders) && !longFiles.includes(each))
    if (isShared) last.push(file)
    else processes.push([file])
  }
  return processes
}

function isIn(file: string, folders: readonly string[]): boolean {
  return folders.some(folder => file.startsWith(`${folder}/`))
}

function rank(file: string): number {
  const index = longFiles.indexOf(file)
  return index < 0 ? longFiles.length : index
}

function isWanted(file: string, wanted: readonly string[]): boolean {
  if (wanted.length === 0) return true
  const stem = file.replace(/\.js$/, '')
  return wanted.some(path => {
    const below = relative(root, resolve(path)).replace(/^dist\//, '')
    const asked = below.replace(/\.[jt]s$/, '')
    return asked === 'test' || asked === `test/${stem}` || `test/${stem}`.startsWith(`${asked}/`)
  })
}

/** Calls `work` for every item, at most `atOnce` at a time. */
async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values()
  const worker = async (): Promise<void> => {
    for (const item of rest) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** Runs files in one process. @returns what came of each of them. */
async function runFiles(
  files: readonly string[],
  rawCoverageDir: string | undefined,
): Promise<FileResult[]> {
  const [first] = files
  const script = files.length === 1 ? [first!] : [TOGETHER, first!]
  const name = script[0]!
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    TAP_TIMEOUT: String(fileTimeoutMs / 1000),
    V4V_TEST_FILES: files.join(' '),
  }
  if (rawCoverageDir !== undefined) env['NODE_V8_COVERAGE'] = rawCoverageDir
  const args = ['--enable-source-maps', join(dist, 'test', name), ...script.slice(1)]
  const child = spawn(process.execPath, args, {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const results = files.map(newResult)
  let startedAt = performance.now()
  let current = results[0]!
  child.stderr.on('data', (text: Buffer) => (current.stderr += String(text)))

  // a test file stops by itself and says what it was waiting for; who can't is made to
  const overdue: string[] = []
  const timers = [
    setTimeout(() => {
      overdue.push(`stopped after ${fileTimeoutMs} ms`)
      child.kill('SIGTERM')
    }, fileTimeoutMs + killAfterMs),
    setTimeout(
      () => {
        child.kill('SIGKILL')
        // A process that it started may live on and hold these.
        child.stdout.destroy()
        child.stderr.destroy()
      },
      fileTimeoutMs + 2 * killAfterMs,
    ),
  ]

  const tap = new Stdin({ name, tapStream: child.stdout })
  tap.parser.on('comment', (comment: string) => {
    const [, file] = FILE_COMMENT.exec(comment) ?? []
    const next = results.find(result => result.file === file)
    if (next === undefined) return
    const now = performance.now()
    current.elapsedMs += now - startedAt
    startedAt = now
    current = next
  })
  tap.parser.on('result', (result: TapResult) => {
    if (result.skip) current.skipped += 1
    else if (result.ok) current.passed += 1
    else {
      const title = result.fullname.replace(TOGETHER, current.file)
      current.failures.push({ title, details: detailsOf(result.diag) })
    }
  })
  tap.resume()
  const parsed = new Promise<void>(resolve => tap.main(resolve))
  const ended = new Promise<string | undefined>(resolve => {
    child.on('close', (exitCode, signal) => {
      if (signal !== null) resolve(`ended by ${signal}`)
      else resolve(exitCode === 0 ? undefined : `ended with exit code ${exitCode}`)
    })
  })
  const [badEnd] = await Promise.all([ended, parsed])
  for (const timer of timers) clearTimeout(timer)

  current.elapsedMs += performance.now() - startedAt

  const wrong = overdue
  if (results.every(({ failures }) => failures.length === 0)) {
    if (badEnd !== undefined) wrong.push(badEnd)
    for (const failure of tap.results?.failures ?? []) {
      if ('tapError' in failure) wrong.push(`tap: ${String(failure.tapError)}`)
    }
    for (const { file, passed, skipped } of results) {
      if (passed + skipped === 0) wrong.push(`no test in ${file} ran`)
    }
  }
  if (wrong.length > 0) {
    const title = files.length === 1 ? 'the file as a whole' : `the process of ${files.join(', ')}`
    current.failures.push({ title, details: { because: wrong.join('; ') } })
  }
  return results
}

function newResult(file: string): FileResult {
  return { file, passed: 0, skipped: 0, failures: [], stderr: '', elapsedMs: 0 }
}

/** What helps a reader of a failure: the difference and where it is, not how tap puts it. */
function detailsOf(diag: unknown): Record<string, unknown> {
  if (typeof diag !== 'object' || diag === null) return {}
  const { at: _at, compare: _compare, ...details } = diag as Record<string, unknown>
  return details
}

function report(result: FileResult): void {
  const { file } = result
  const verdict = result.failures.length === 0 ? 'ok' : 'not ok'
  const source = `test/${file.replace(/\.js$/, '.ts')}`
  console.log(`${verdict} ${source} ${result.passed} (${Math.round(result.elapsedMs)} ms)`)
  for (const { title, details } of result.failures.slice(0, shownMax)) {
    console.log(`  failed: ${title}`)
    for (const [key, value] of Object.entries(details)) {
      const text = typeof value === 'string' ? value : inspect(value, { depth: 6 })
      console.log(indent(`${key}: ${text.includes('\n') ? '\n' : ''}${text.trimEnd()}`, 4))
    }
  }
  const hidden = result.failures.length - shownMax
  if (hidden > 0) console.log(`  and ${hidden} more`)
  if (result.failures.length > 0 && result.stderr !== '') {
    console.log(indent(`stderr:\n${result.stderr.trimEnd()}`, 4))
  }
}

function indent(text: string, spaces: number): string {
  return text.replace(/^(?=.)/gm, ' '.repeat(spaces))
}

/** Lets c8 add up what the processes left behind; prints what is missing, if anything is. */
async function isCovered(rawCoverageDir: string): Promise<boolean> {
  const c8 = createRequire(import.meta.url).resolve('c8/bin/c8.js')
  const args = [c8, 'report', '--all', '--src', 'dist/src', '--temp-directory', rawCoverageDir]
  for (const folder of coveredFolders) {
    args.push('--include', `dist/src/${folder}/**`, '--include', `src/${folder}/**`)
  }
  args.push('--exclude', '**/*.d.ts', '--exclude-after-remap')
  for (const file of compiledFiles('src')) {
    if (!hasCode(file)) args.push('--exclude', `dist/src/${file}`)
  }
  args.push('--reporter', 'text', '--reports-dir', coverageDir, '--skip-full')
  args.push('--check-coverage', '--lines=100', '--branches=100', '--functions=100')
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stdout.on('data', (text: Buffer) => (said += String(text)))
  child.stderr.on('data', (text: Buffer) => (said += String(text)))
  const code = await new Promise<number | null>(resolve => child.on('close', resolve))
  if (code !== 0) console.log(said.trimEnd())
  return code === 0
}

/** False for what was compiled from types only, which nothing can load. */
function hasCode(file: string): boolean {
  const text = readFileSync(join(dist, 'src', file), 'utf8')
  return text.replace(/^\/\/# .*$/gm, '').replace(/\s|;/g, '') !== 'export{}'
}
