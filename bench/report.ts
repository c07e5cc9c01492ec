import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { benchDir, type Repeat, type Results, type TrialResult } from './results.js'
import { spreadOf } from './statistics.js'
import { BASELINE, bytesText, PAYLOADS_BYTES, SYSTEMS, type System } from './trials.js'

const START = '<!-- results: made by "npm run bench -- --report", not by hand -->'
const END = '<!-- end of results -->'

/** One line about a trial, for who watches. */
export function resultLine(result: TrialResult): string {
  if (result.failure !== undefined) return `FAILED: ${result.failure}`
  const cpu = medianOf(result, repeat => repeat.relayCpuSecondsPerMillion)
  const cpuText = `relay ${short(cpu)} CPU s/million`
  if (result.measure === 'round-trip') {
    const [p50, p99, p999] = latenciesOf(result)
    return `p50 ${short(p50)} p99 ${short(p99)} p99.9 ${short(p999)} us, ${cpuText}`
  }
  const rate = spreadOf(result.repeats.map(repeat => repeat.datagramsPerSecond))
  const megabytes = medianOf(result, repeat => repeat.megabytesPerSecond)
  const range = `(${thousands(rate.min)} to ${thousands(rate.max)})`
  return `${thousands(rate.median)} k/s ${range}, ${short(megabytes)} MB/s, ${cpuText}`
}

/** Puts tables of the results between the markers of bench/README.md. @returns its path. */
export function writeReport(results: Results): string {
  const path = join(benchDir, 'README.md')
  const text = readFileSync(path, 'utf8')
  const start = text.indexOf(START)
  const end = text.indexOf(END)
  if (start < 0 || end < start) {
    throw new Error(`${path} lacks the lines "${START}" and "${END}" around the results`)
  }
  const head = text.slice(0, start + START.length)
  writeFileSync(path, `${head}\n\n${markdownOf(results)}\n\n${text.slice(end)}`)
  return path
}

function markdownOf(results: Results): string {
  const { machine, parameters } = results
  const { seconds, repeats, warmUpSeconds, rules } = parameters
  const flags = parameters.arguments
  const command = ['npm run bench', ...(flags.length > 0 ? ['--', ...flags] : [])].join(' ')
  const dirty = results.isDirty ? ' with changes' : ''
  const versionsText = Object.entries(results.versions)
    .map(entry => entry.join(' '))
    .join(', ')
  const memory = `${Math.round(machine.memoryBytes / 2 ** 30)} GiB`
  return [
    `Measured ${results.date.slice(0, 10)} at commit ${results.commit}${dirty} on ${machine.cpu}, ` +
      `${machine.cores} cores, ${memory}, ${machine.kernel}, Node ${machine.node}, ` +
      `${versionsText}. Each figure is the median of ${repeats} ` +
      `windows of ${seconds} s after at least ${warmUpSeconds} s of warm-up, with the lowest and the highest ` +
      `window in brackets. v4vd looks up each datagram in a policy of ${rules + 1} rules, of which ` +
      'the last one accepts it; the plain relay has no policy.',
    `To repeat it: \`${command}\`.`,
    '### Throughput',
    table(
      ['', 'payload', 'datagrams/s', 'MB/s', 'relay CPU s per million', 'times the plain relay'],
      rowsOf(results, 'throughput', throughputCells),
    ),
    '### Round trip',
    table(
      [
        '',
        'payload',
        'p50 µs',
        'p99 µs',
        'p99.9 µs',
        'relay CPU s per million',
        'p50 / plain relay’s',
      ],
      rowsOf(results, 'round-trip', roundTripCells),
    ),
  ].join('\n\n')
}

type Cells = (result: TrialResult, baseline: TrialResult | undefined) => string[]

function rowsOf(results: Results, measure: TrialResult['measure'], cells: Cells): string[][] {
  const find = (system: string, bytes: number): TrialResult | undefined =>
    results.trials.find(
      trial => trial.system === system && trial.payloadBytes === bytes && trial.measure === measure,
    )
  const row = (system: System, bytes: number): string[] => {
    const result = find(system.name, bytes)
    if (result === undefined) return []
    const start = [system.title, bytesText(bytes)]
    if (result.failure !== undefined) return [...start, `failed: ${result.failure}`]
    const baseline = find(BASELINE, bytes)
    return [...start, ...cells(result, baseline?.failure === undefined ? baseline : undefined)]
  }
  return PAYLOADS_BYTES.flatMap(bytes => SYSTEMS.map(system => row(system, bytes))).filter(
    cellsOfRow => cellsOfRow.length > 0,
  )
}

function throughputCells(result: TrialResult, baseline: TrialResult | undefined): string[] {
  const rate = (repeat: Repeat): number => repeat.datagramsPerSecond
  const { median, min, max } = spreadOf(result.repeats.map(rate))
  return [
    `${grouped(median)} (${grouped(min)} to ${grouped(max)})`,
    grouped(medianOf(result, repeat => repeat.megabytesPerSecond)),
    short(medianOf(result, repeat => repeat.relayCpuSecondsPerMillion)),
    ratio(median, baseline && medianOf(baseline, rate)),
  ]
}

function roundTripCells(result: TrialResult, baseline: TrialResult | undefined): string[] {
  const p50 = (repeat: Repeat): number => repeat.latencyUs!.p50
  const { median, min, max } = spreadOf(result.repeats.map(p50))
  const [, p99, p999] = latenciesOf(result)
  return [
    `${short(median)} (${short(min)} to ${short(max)})`,
    short(p99),
    short(p999),
    short(medianOf(result, repeat => repeat.relayCpuSecondsPerMillion)),
    ratio(median, baseline && medianOf(baseline, p50)),
  ]
}

function medianOf(result: TrialResult, value: (repeat: Repeat) => number): number {
  return spreadOf(result.repeats.map(value)).median
}

/** Medians of p50, p99 and p99.9 over the windows. */
function latenciesOf(result: TrialResult): [number, number, number] {
  return [
    medianOf(result, repeat => repeat.latencyUs!.p50),
    medianOf(result, repeat => repeat.latencyUs!.p99),
    medianOf(result, repeat => repeat.latencyUs!.p999),
  ]
}

function ratio(value: number, baseline: number | undefined): string {
  return baseline === undefined ? '' : `${(value / baseline).toFixed(2)}x`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = head.map((_, index) => (index === 0 ? '---' : '--:'))
  return [line(head), line(rule), ...rows.map(line)].join('\n')
}

/** Three digits that count: `0.0912`, `5.3`, `187`. */
function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
}

/** `15 548 210` */
function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ' ')
}

function thousands(value: number): string {
  return short(value / 1000)
}
