import type { Conflict } from '../policy/three-way.js'
import { time } from './output.js'
import type { Comparison, Counted, LaterChange } from './rest-policy.js'

/** What others changed while a change was made, what it changes, and the conflicts, for people. */
export function comparisonLines(comparison: Comparison): string[] {
  const { base, current, revisions, theirs, yours, conflicts } = comparison
  const from = theirs === null ? `beside revision ${current} ` : ''
  return [
    ...(base < current ? [`since revision ${base}:`] : []),
    ...revisions.map(({ revision, at, author, reason }) => {
      const why = reason === '' ? '' : `: ${reason}`
      return `  revision ${revision} by ${author} at ${time(at)}${why}`
    }),
    ...(revisions.length < current - base ? ['  ...'] : []),
    ...(theirs === null ? [] : changeLines('others changed', theirs, inRevision)),
    ...(yours === null ? [] : changeLines(`${from}you change`, yours, inFile)),
    ...(conflicts === null ? [] : conflictLines(conflicts)),
  ]
}

function changeLines(
  intro: string,
  { total, listed }: Counted<LaterChange>,
  where: (change: LaterChange) => string,
): string[] {
  const marks = { added: '+', removed: '-', changed: '~', moved: '>' }
  const lines = listed.map(
    change => `  ${marks[change.kind]} ${nameOf(change)}: ${said(change)}${where(change)}`,
  )
  if (total === 0) return [`${intro} nothing`]
  return [`${intro} ${count(total, 'thing')}:`, ...cut(lines, total)]
}

function conflictLines({ total, listed }: Counted<Conflict>): string[] {
  if (total === 0) return ['no conflict']
  const lines = listed.map(conflict => `  ${conflictLine(conflict)}`)
  return [`${count(total, 'conflict')}:`, ...cut(lines, total)]
}

function cut(lines: readonly string[], total: number): readonly string[] {
  return lines.length < total ? [...lines, `  and ${total - lines.length} more`] : lines
}

function conflictLine(conflict: Conflict): string {
  if (conflict.part === 'order') {
    const [others, you] = [conflict.theirs.join(', '), conflict.yours.join(', ')]
    return `! order: others put ${others} and you put ${you} where it matters which is asked first`
  }
  const theirs = conflict.theirs.map(change => `${verbOf(change)}${inRevision(change)}`)
  const yours = conflict.yours.map(change => `${verbOf(change)}${inFile(change)}`)
  const name = `${conflict.part === 'rule' ? 'rule ' : ''}${nameOf(conflict)}`
  return `! ${name}: others ${theirs.join(' and ')}; you ${yours.join(' and ')}`
}

function verbOf(change: LaterChange): string {
  switch (change.kind) {
    case 'added':
      return `add it as ${said(change)}`
    case 'removed':
      return 'remove it'
    case 'changed':
      return `change it: ${said(change)}`
    case 'moved':
      return `move it ${said(change)}`
  }
}

function said(change: LaterChange): string {
  if (change.kind === 'moved') return `from ${change.from} to ${change.position}`
  const isList = change.part === 'set' || change.part === 'tag'
  const [before, after] = ['before', 'after'].map(
    key => (change as { readonly [key: string]: unknown })[key] as string | undefined,
  )
  if (change.kind === 'changed' && isList) {
    return [before === '' ? '' : `without ${before}`, after === '' ? '' : `with ${after}`]
      .filter(text => text !== '')
      .join(', ')
  }
  const text = change.kind === 'changed' ? `${before}  =>  ${after}` : (after ?? before ?? '')
  return text === '' ? 'nothing' : text
}

function nameOf({ part, id }: { readonly part: string; readonly id: string }): string {
  return part === 'test' ? `test ${id}` : id
}

function inRevision({ revision }: LaterChange): string {
  return revision === undefined ? '' : ` (revision ${revision})`
}

function inFile({ place }: LaterChange): string {
  return place === undefined ? '' : ` (${place.file}:${place.line})`
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}
