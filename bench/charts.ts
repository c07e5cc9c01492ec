import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findGoodTrial, medianOf } from './figures.js'
import { INSTALL_PACKAGES, loadPackage, packageVersion } from './packages.js'
import { benchDir } from './paths.js'
import type { Results, TrialResult } from './results.js'
import type { ScenarioRow } from './scenarios/result.js'
import { grouped, short } from './text.js'
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
  readonly color?: string
  readonly lineStyle?: object
}

const WIDTH = 860
const HEIGHT = 460
/** v4vd is blue and green; the others are warm, and their lines dashed. */
const COLORS = ['#1f4e9e', '#4a9be0', '#0b7a75', '#5cc08a', '#274060', '#7fb6b2']
const PEER_COLORS = ['#c0392b', '#e67e22', '#d4a017', '#a04ab0', '#8d6e63']

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
  const isPeer = (system: System): boolean => system.peer !== undefined
  const [own, peers] = [systems.filter(system => !isPeer(system)), systems.filter(isPeer)]
  const series = [...own, ...peers].map(system => ({
    name: system.name,
    type: 'line' as const,
    color: isPeer(system) ? PEER_COLORS[peers.indexOf(system)]! : COLORS[own.indexOf(system)]!,
    lineStyle: { width: 2, type: isPeer(system) ? 'dashed' : 'solid' },
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
    type: 'bar' as const,
    data: counts.map(count => {
      const row = rows.find(
        ({ figures }) => figures['rules'] === count && figures['payloadBytes'] === bytes,
      )
      return row?.figures['datagramsPerSecond'] ?? null
    }),
  }))
  return drawingOf('rules', 'Delivered datagrams/s by number of rules', {
    categories: counts.map(grouped),
    category: 'rules in the policy',
    value: 'datagrams/s',
    series,
    isLinear: true,
  })
}

function domains(results: Results): Drawing | undefined {
  const rows = rowsOf(results, 'scenario/domains')
  const counts = distinct(rows, 'sessions')
  const barsOf = (name: string, key: string): Series => ({
    name,
    type: 'bar',
    data: counts.map(
      count => rows.find(({ figures }) => figures['sessions'] === count)?.figures[key] ?? null,
    ),
  })
  return drawingOf('domains', 'Cost by number of domains attached', {
    categories: counts.map(grouped),
    category: 'domains attached',
    value: '',
    series: [
      barsOf('daemon CPU µs per datagram', 'cpuUsPerDatagram'),
      barsOf('memory per idle session, KiB', 'rssPerSessionKiB'),
    ],
    isLinear: true,
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
  /** The axis of values starts at 0; otherwise it is logarithmic. */
  readonly isLinear?: boolean
}

/** @returns nothing where there are no figures. */
function drawingOf(name: string, title: string, plot: Plot): Drawing | undefined {
  const { categories, category, value, series, isLyingDown = false, isLinear = false } = plot
  if (!series.some(({ data }) => data.some(point => point !== null))) return undefined
  const categoryAxis = {
    type: 'category',
    name: category,
    nameLocation: 'middle',
    nameGap: 32,
    data: categories,
    inverse: isLyingDown,
  }
  const valueAxis = {
    type: isLinear ? 'value' : 'log',
    name: value,
    nameLocation: 'middle',
    nameGap: isLyingDown ? 32 : 76,
    axisLabel: { formatter: numberText },
    minorSplitLine: { show: !isLinear },
  }
  const isBars = series.every(({ type }) => type === 'bar')
  const label = { show: true, position: 'top', formatter: labelOf, fontSize: 11 }
  return {
    name,
    title,
    option: {
      animation: false,
      color: COLORS,
      textStyle: { fontFamily: 'sans-serif' },
      backgroundColor: '#ffffff',
      title: { text: title, left: 'center', top: 8 },
      legend: { bottom: 8, left: 'center', width: 720, itemWidth: 40, itemGap: 20 },
      grid: { left: isLyingDown ? 170 : 110, right: 40, top: 56, bottom: 110 },
      xAxis: isLyingDown ? valueAxis : categoryAxis,
      yAxis: isLyingDown ? categoryAxis : valueAxis,
      series: series.map(one => ({
        ...one,
        symbolSize: 7,
        ...(isBars && !isLyingDown && { label, barMaxWidth: 70 }),
      })),
    },
  }
}

function labelOf({ value }: { readonly value: number | null }): string {
  return value === null ? '' : numberText(value)
}

function numberText(value: number): string {
  return value >= 100 ? grouped(value) : short(value)
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
