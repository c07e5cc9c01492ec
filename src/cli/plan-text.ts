import { isFolded } from '../policy/seen-flow.js'
import type { ListedChange } from '../policy/decision-summary.js'
import type { ReplayedFlow, ReplayedFlows } from '../policy/replay.js'
import type { RuleChange } from '../policy/rule-diff.js'
import { formatPorts } from '../policy/selector.js'
import { colour, type Colour } from './colour.js'
import { printLine } from './output.js'
import { printable } from './printable.js'
import type { PolicyDiff, PolicyPlan } from './rest-policy.js'

/** Of each kind of thing at most so many are shown to people; JSON has more. */
const SHOWN_MAX = 50
/** Of the domains on one side of a changed decision. */
const NAMES_SHOWN_MAX = 8

/** What the sign in front of a difference stands for. */
const COLOURS: Readonly<Record<string, Colour>> = {
  '+': 'green',
  '-': 'red',
  '~': 'yellow',
  '>': 'cyan',
}

/** Prints the lines of a plan or of a difference. */
export function printPlanLines(lines: readonly string[]): void {
  for (const line of lines) {
    const text = printable(line)
    const name = COLOURS[/^ {2}([-+~>]) /.exec(text)?.[1] ?? '']
    printLine(name === undefined ? text : colour(name, text))
  }
}

/** A plan for people. */
export function planLines(plan: PolicyPlan): string[] {
  const { status, revision, tests, lint, flows } = plan
  const says = {
    none: `nothing changes: the files say what revision ${revision} says`,
    changes: `compared with revision ${revision}:`,
    refused: 'these files are refused:',
  }
  return [
    says[status],
    `tests: ${tests.run} run, ${tests.failed} failed`,
    ...tests.failures
      .slice(0, SHOWN_MAX)
      .map(
        ({ file, line, message }) => `  ${file === undefined ? '' : `${file}:${line}: `}${message}`,
      ),
    `lint: ${lint.findings === 0 ? 'nothing' : lint.findings} found`,
    ...lint.listed.slice(0, SHOWN_MAX).map(({ severity, about, place, message }) => {
      const at = place === undefined ? about : `${place.file}:${place.line}: ${about}`
      return `  ${severity}: ${at}: ${message}`
    }),
    ...diffLines(plan),
    `flows seen lately: ${flows.flows}`,
    ...flowLines('would be refused', flows.newlyRefused),
    ...flowLines('would be admitted', flows.newlyAdmitted),
    ...flowLines('would have to be asked for', flows.newlyAsked),
    ...flowLines('may be decided otherwise', flows.uncertain),
  ]
}

/** What tells two policies apart, for people. */
export function diffLines({ rules, decisions, ...others }: PolicyDiff): string[] {
  const { setsChanged, tagsChanged, testsChanged } = others
  const parts = [setsChanged && 'sets', tagsChanged && 'tags', testsChanged && 'tests']
  const changed = parts.filter(part => part !== false)
  return [
    `rules: ${rules.added} added, ${rules.removed} removed, ${rules.changed} changed, ${rules.moved} moved`,
    ...rules.listed.slice(0, SHOWN_MAX).map(ruleLine),
    ...(changed.length === 0 ? [] : [`changed as well: ${changed.join(', ')}`]),
    `decisions: ${decisions.admitted} newly admitted, ${decisions.refused} newly refused, ${decisions.changed} otherwise changed`,
    ...(decisions.pairsLeftOut === 0
      ? []
      : [
          `  not all is compared, as that would take too long: ${decisions.pairsLeftOut} pairs of domains are left out`,
        ]),
    ...decisions.listed.slice(0, SHOWN_MAX).map(decisionLine),
  ]
}

function ruleLine(change: RuleChange): string {
  switch (change.kind) {
    case 'added':
      return `  + ${change.position} ${change.id}: ${change.after}`
    case 'removed':
      return `  - ${change.position} ${change.id}: ${change.before}`
    case 'changed':
      return `  ~ ${change.position} ${change.id}: ${change.before}  =>  ${change.after}`
    case 'moved':
      return `  > ${change.id}: from ${change.from} to ${change.position}`
  }
}

function decisionLine(change: ListedChange): string {
  const { from, fromTotal, sourcePorts, to, toTotal, destinationPorts } = change
  const { type, before, after, kind, exceptTotal } = change
  const marks = { admitted: '+', refused: '-', changed: '~' }
  const way = `${namesText(from, fromTotal)}:${formatPorts(sourcePorts)} -> ${namesText(to, toTotal)}:${formatPorts(destinationPorts)}`
  const only = type === 'any' ? '' : ` type ${type}`
  const besides = exceptTotal === 0 ? '' : `, ${exceptTotal} exceptions`
  return `  ${marks[kind]} ${way}${only}${besides}: ${before.effect} (${before.rule})  =>  ${after.effect} (${after.rule})`
}

function namesText(labels: readonly string[], total: number): string {
  const shown = labels.slice(0, total > NAMES_SHOWN_MAX ? NAMES_SHOWN_MAX : total)
  const more = total - shown.length
  return more === 0 ? shown.join(',') : `${shown.join(',')},${more} more`
}

function flowLines(what: string, { flows, datagrams, listed }: ReplayedFlows): string[] {
  if (flows === 0) return []
  return [
    `  ${what}: ${flows} flows, ${datagrams} datagrams`,
    ...listed.slice(0, SHOWN_MAX).map(flowLine),
  ]
}

function flowLine(flow: ReplayedFlow): string {
  const { source, sourcePort, destination, destinationPort, before, after } = flow
  const from = isFolded(sourcePort) ? '*' : sourcePort
  const to = isFolded(destinationPort) ? '*' : destinationPort
  const way = `${source}:${from} -> ${destination}:${to}`
  return `    ${way}: ${before.verdict} (${before.rule})  =>  ${after.verdict} (${after.rule})`
}
