import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Drawn } from './charts.js'
import {
  baselineOf,
  findGoodTrial,
  findTrial,
  latenciesOf,
  medianOf,
  rateRatioOf,
  timeRatioOf,
} from './figures.js'
import { benchDir } from './paths.js'
import { restOf } from './run-group.js'
import type { Repeat, Results, TrialResult } from './results.js'
import { scenariosMarkdown } from './scenarios/report.js'
import { spreadOf } from './statistics.js'
import { targetsMarkdown } from './targets.js'
import { grouped, ratioText, short, table } from './text.js'
import { bytesText, PAYLOADS_BYTES, SYSTEMS, type System } from './trials.js'

const START = '<!-- results: made by "npm run bench -- --report", not by hand -->'
const END = '<!-- end of results -->'

/** One line about a trial, for who watches. */
export function resultLine(result: TrialResult): string {
  if (result.failure !== undefined) return `FAILED: ${result.failure}`
  const cpu = medianOf(result, repeat => repeat.relayCpuSecondsPerMillion)
  const cpuOfAll = medianOf(result, repeat => repeat.cpuSecondsPerMillion)
  const cpuText = `relay ${short(cpu)} and all ${short(cpuOfAll)} CPU s/million`
  if (result.measure === 'round-trip') {
    const [p50, p99, p999] = latenciesOf(result)
    const ratio = ratioText(timeRatioOf(result, 'p50'))
    const against = ratio === '' ? '' : `, p50 ${ratio}`
    return `p50 ${short(p50)} p99 ${short(p99)} p99.9 ${short(p999)} us${against}, ${cpuText}`
  }
  const rate = spreadOf(result.repeats.map(repeat => repeat.datagramsPerSecond))
  const megabytes = medianOf(result, repeat => repeat.megabytesPerSecond)
  const range = `(${thousands(rate.min)} to ${thousands(rate.max)})`
  const ratio = ratioText(rateRatioOf(result))
  const against = ratio === '' ? '' : `, ${ratio}`
  return `${thousands(rate.median)} k/s ${range}${against}, ${short(megabytes)} MB/s, ${cpuText}`
}

/**
 * Puts tables of the results between the markers of bench/README.md, and the charts.
 * @returns its path.
 */
export function writeReport(results: Results, charts: readonly Drawn[]): string {
  const path = join(benchDir, 'README.md')
  const text = readFileSync(path, 'utf8')
  const start = text.indexOf(START)
  const end = text.indexOf(END)
  if (start < 0 || end < start) {
    throw new Error(`${path} lacks the lines "${START}" and "${END}" around the results`)
  }
  const head = text.slice(0, start + START.length)
  writeFileSync(path, `${head}\n\n${markdownOf(results, charts)}\n\n${text.slice(end)}`)
  return path
}

function markdownOf(results: Results, charts: readonly Drawn[]): string {
  const baseline = baselineOf(results)
  const times = `times ${baseline?.title ?? 'nothing'}`
  return [
    aboutRun(results),
    ...Object.entries(results.skipped).map(([name, needs]) => `Left out: ${name}, which ${needs}.`),
    '### What is compared',
    'The name is that of `--only`, and of the charts.',
    table(['', 'name', 'what the receiver gets'], systemsOf(results)),
    '### Throughput against others',
    'Datagrams delivered per second, and in brackets how many times as many as with ' +
      `${baseline?.title ?? 'nothing'}. The receiver ${RECEIVER_TEXT[results.parameters.touch]}.`,
    matrixOf(results),
    ...targetsMarkdown(results),
    ...charts.map(({ title, path }) => `![${title}](${path})`),
    '### Throughput',
    table(
      [
        '',
        'payload',
        'datagrams/s',
        'MB/s',
        'relay CPU s per million',
        'all CPU s per million',
        times,
      ],
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
        'all CPU s per million',
        `p50 ${times}`,
      ],
      rowsOf(results, 'round-trip', roundTripCells),
    ),
    ...(results.scenarios === undefined ? [] : [scenariosMarkdown(results.scenarios)]),
  ].join('\n\n')
}

const RECEIVER_TEXT = {
  all: 'compares every byte with what was sent',
  stamp: 'reads the first word and the length alone',
} as const

const BYTES_TEXT: Readonly<Record<System['bytes'], string>> = {
  view: 'a view of the bytes where they came to lie',
  copy: 'a copy of its own',
  'view, copy if cut': 'a view; a copy where a datagram was cut by the end of a read',
}

function aboutRun({ machine, parameters, commit, isDirty, date, versions }: Results): string {
  const { seconds, repeats, warmUpSeconds, rules, quick, arguments: flags } = parameters
  const rest = restOf(parameters)
  const command = ['npm run bench', ...(flags.length > 0 ? ['--', ...flags] : [])].join(' ')
  const versionsText = Object.entries(versions)
    .map(entry => entry.join(' '))
    .join(', ')
  return (
    `Measured ${date.slice(0, 10)} at commit ${commit}${isDirty ? ' with changes' : ''} on ` +
    `${machine.cpu}, ${machine.cores} cores, ${Math.round(machine.memoryBytes / 2 ** 30)} GiB, ` +
    `${machine.kernel}, Node ${machine.node}, ${versionsText}.\n\n` +
    `Each figure is the median of ${repeats} windows of ${seconds} s after at least ` +
    `${warmUpSeconds} s of warm-up, with the lowest and the highest window in brackets` +
    `${quick ? '' : `; what nothing is asked of has ${rest.repeats} windows of ${rest.seconds} s`}. ` +
    'The systems took turns, and how many times the baseline something is, is the median over ' +
    `what was measured side by side. v4vd looks up each datagram in a policy of ${rules + 1} ` +
    'rules, of which the last one accepts it; the others have no policy.\n\n' +
    `To repeat it: \`${command}\`.`
  )
}

function systemsOf({ trials }: Results): string[][] {
  return SYSTEMS.filter(({ name }) => trials.some(({ system }) => system === name)).map(
    ({ title, name, bytes }) => [title, `\`${name}\``, BYTES_TEXT[bytes]],
  )
}

/** A row for each system, a column for each payload. */
function matrixOf(results: Results): string {
  const rows = SYSTEMS.map(system => [
    system.title,
    ...PAYLOADS_BYTES.map(bytes => {
      const result = findGoodTrial(results, system.name, 'throughput', bytes)
      if (result === undefined) return ''
      const against = rateRatioOf(result)
      const rate = grouped(medianOf(result, repeat => repeat.datagramsPerSecond))
      return against === undefined ? rate : `${rate} (${against.median.toFixed(2)}x)`
    }),
  ])
  return table(
    ['', ...PAYLOADS_BYTES.map(bytesText)],
    rows.filter(row => row.slice(1).some(cell => cell !== '')),
  )
}

type Cells = (result: TrialResult) => string[]

function rowsOf(results: Results, measure: TrialResult['measure'], cells: Cells): string[][] {
  const row = (system: System, bytes: number): string[] => {
    const result = findTrial(results, system.name, measure, bytes)
    if (result === undefined) return []
    const start = [system.title, bytesText(bytes)]
    if (result.failure !== undefined) return [...start, `failed: ${result.failure}`]
    return [...start, ...cells(result)]
  }
  return PAYLOADS_BYTES.flatMap(bytes => SYSTEMS.map(system => row(system, bytes))).filter(
    cellsOfRow => cellsOfRow.length > 0,
  )
}

function throughputCells(result: TrialResult): string[] {
  const rate = (repeat: Repeat): number => repeat.datagramsPerSecond
  const { median, min, max } = spreadOf(result.repeats.map(rate))
  return [
    `${grouped(median)} (${grouped(min)} to ${grouped(max)})`,
    grouped(medianOf(result, repeat => repeat.megabytesPerSecond)),
    short(medianOf(result, repeat => repeat.relayCpuSecondsPerMillion)),
    short(medianOf(result, repeat => repeat.cpuSecondsPerMillion)),
    ratioText(rateRatioOf(result)),
  ]
}

function roundTripCells(result: TrialResult): string[] {
  const p50 = (repeat: Repeat): number => repeat.latencyUs!.p50
  const { median, min, max } = spreadOf(result.repeats.map(p50))
  const [, p99, p999] = latenciesOf(result)
  return [
    `${short(median)} (${short(min)} to ${short(max)})`,
    short(p99),
    short(p999),
    short(medianOf(result, repeat => repeat.relayCpuSecondsPerMillion)),
    short(medianOf(result, repeat => repeat.cpuSecondsPerMillion)),
    ratioText(timeRatioOf(result, 'p50')),
  ]
}

function thousands(value: number): string {
  return short(value / 1000)
}
