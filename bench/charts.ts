import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findGoodTrial, medianOf } from './figures.js'
import { INSTALL_PACKAGES, loadPackage, packageVersion } from './packages.js'
import { benchDir } from './paths.js'
import type { Results, TrialResult } from './results.js'
import type { ScenarioRow } from './scenarios/result.js'
import { bytesText, PAYLOADS_BYTES, SYSTEMS, type System } from './trials.js'

/** What the harness uses of echarts. */
interface Echarts {
  readonly init: (dom: null, theme: null, options: object) => Chart
}

interface Chart {
  setOption(option: object): void
  renderToSVGString(): string
  dispose(): void
}

/** A chart that was drawn, for the report. */
export interface Drawn {
  readonly title: string
  /** Relative to bench/. */
  readonly path: string
}

interface Drawing {
  readonly name: string
  readonly title: string
  readonly option: object
}

/** A line: its points in the order of the categories, `null` where there is none. */
interface Series {
  readonly name: string
  readonly type: 'line' | 'bar'
  readonly data: readonly (number | null)[]
  readonly lineStyle?: object
}

const WIDTH = 860
const HEIGHT = 460
/** Enough for a line of each system. */
const COLORS = [
  '#1f4e9e',
  '#3f8fd2',
  '#0b7a75',
  '#56b870',
  '#7a3fa0',
  '#b07ad0',
  '#274060',
  '#c0392b',
  '#e67e22',
  '#d4a017',
  '#8d6e63',
  '#7f8c8d',
]

/** Draws what there is in the results. @returns nothing where the library is not installed. */
export function writeCharts(results: Results): Drawn[] {
  if (packageVersion('echarts') === undefined) {
    console.log(`no charts are drawn: they need the package echarts ("${INSTALL_PACKAGES}")`)
    return []
  }
  const { init } = loadPackage<Echarts>('echarts')
  const dir = join(benchDir, 'charts')
  mkdirSync(dir, { recursive: true })
  const drawings = [throughput(results), latency(results), rules(results), domains(results)]
  return drawings
    .filter(drawing => drawing !== undefined)
    .map(({ name, title, option }) => {
      const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT })
      chart.setOption(option)
      writeFileSync(join(dir, `${name}.svg`), `${chart.renderToSVGString()}\n`)
      chart.dispose()
      return { title, path: `charts/${name}.svg` }
    })
}

function throughput(results: Results): Drawing | undefined {
  const systems = systemsOf(results, 'throughput')
  const series = systems.map(system => ({
    name: system.name,
    type: 'line' as const,
    lineStyle: { width: 2, type: system.peer === undefined ? 'solid' : 'dashed' },
    data: PAYLOADS_BYTES.map(bytes =>
      medianIn(
        findGoodTrial(results, system.name, 'throughput', bytes),
        repeat => repeat.megabytesPerSecond,
      ),
    ),
  }))
  return drawingOf('throughput', 'Delivered MB/s by payload', {
    categories: PAYLOADS_BYTES.map(bytesText),
    category: 'payload',
    value: 'MB/s',
    series,
  })
}

function latency(results: Results): Drawing | undefined {
  const bytes = PAYLOADS_BYTES[0]!
  const systems = systemsOf(results, 'round-trip')
  const percentiles = { p50: 'p50', p99: 'p99', 'p99.9': 'p999' } as const
  const series = Object.entries(percentiles).map(([name, key]) => ({
    name,
    type: 'bar' as const,
    data: systems.map(system =>
      medianIn(
        findGoodTrial(results, system.name, 'round-trip', bytes),
        repeat => repeat.latencyUs?.[key] ?? Number.NaN,
      ),
    ),
  }))
  return drawingOf('latency', `Round trip of ${bytesText(bytes)} in µs`, {
    categories: systems.map(({ name }) => name),
    category: '',
    value: 'µs',
    series,
    isLyingDown: true,
  })
}

function rules(results: Results): Drawing | undefined {
  const rows = rowsOf(results, 'scenario/rules')
  const counts = distinct(rows, 'rules')
  const series = distinct(rows, 'payloadBytes').map(bytes => ({
    name: bytesText(bytes),
    type: 'line' as const,
    data: counts.map(count => {
      const row = rows.find(
        ({ figures }) => figures['rules'] === count && figures['payloadBytes'] === bytes,
      )
      return row?.figures['datagramsPerSecond'] ?? null
    }),
  }))
  return drawingOf('rules', 'Delivered datagrams/s by number of rules', {
    categories: counts.map(String),
    category: 'rules in the policy',
    value: 'datagrams/s',
    series,
  })
}

function domains(results: Results): Drawing | undefined {
  const rows = rowsOf(results, 'scenario/domains')
  const counts = distinct(rows, 'sessions')
  const lineOf = (name: string, key: string): Series => ({
    name,
    type: 'line',
    data: counts.map(
      count => rows.find(({ figures }) => figures['sessions'] === count)?.figures[key] ?? null,
    ),
  })
  return drawingOf('domains', 'Cost by number of domains attached', {
    categories: counts.map(String),
    category: 'domains attached',
    value: '',
    series: [
      lineOf('daemon CPU µs per datagram', 'cpuUsPerDatagram'),
      lineOf('memory per idle session, KiB', 'rssPerSessionKiB'),
    ],
  })
}

interface Plot {
  readonly categories: readonly string[]
  /** Headings of the axes. */
  readonly category: string
  readonly value: string
  readonly series: readonly Series[]
  /** Categories from top to bottom, where their names are long. */
  readonly isLyingDown?: boolean
}

/** @returns nothing where there are no figures. The axis of values is logarithmic. */
function drawingOf(name: string, title: string, plot: Plot): Drawing | undefined {
  const { categories, category, value, series, isLyingDown = false } = plot
  if (!series.some(({ data }) => data.some(point => point !== null))) return undefined
  const categoryAxis = {
    type: 'category',
    name: category,
    nameLocation: 'middle',
    nameGap: 28,
    data: categories,
    inverse: isLyingDown,
  }
  const valueAxis = { type: 'log', name: value, minorSplitLine: { show: true } }
  return {
    name,
    title,
    option: {
      animation: false,
      color: COLORS,
      textStyle: { fontFamily: 'sans-serif' },
      backgroundColor: '#ffffff',
      title: { text: title, left: 'center', top: 8 },
      legend: { bottom: 4, itemGap: 28, textStyle: { fontSize: 11 } },
      grid: { left: isLyingDown ? 190 : 80, right: 50, top: 56, bottom: isLyingDown ? 70 : 120 },
      xAxis: isLyingDown ? valueAxis : categoryAxis,
      yAxis: isLyingDown ? categoryAxis : valueAxis,
      series: series.map(one => ({ ...one, symbolSize: 7 })),
    },
  }
}

function systemsOf(results: Results, measure: TrialResult['measure']): System[] {
  return SYSTEMS.filter(({ name }) =>
    results.trials.some(trial => trial.system === name && trial.measure === measure),
  )
}

function medianIn(
  result: TrialResult | undefined,
  value: (repeat: TrialResult['repeats'][number]) => number,
): number | null {
  return result === undefined ? null : medianOf(result, value)
}

function rowsOf({ scenarios = [] }: Results, name: string): readonly ScenarioRow[] {
  const scenario = scenarios.find(one => one.name === name)
  return scenario === undefined || scenario.failure !== undefined ? [] : scenario.rows
}

/** The values of a figure, each once and in order. */
function distinct(rows: readonly ScenarioRow[], key: string): number[] {
  const values = rows.map(({ figures }) => figures[key]).filter(value => value !== undefined)
  return [...new Set(values)].sort((a, b) => a - b)
}
