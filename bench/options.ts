import { parseArgs } from 'node:util'
import type { Parameters } from './results.js'

/** Rules that are in front of the one that accepts the trial's datagrams. */
const RULES = 100

export const USAGE = `npm run bench -- [options]

  --quick           short windows, fewer systems, and round trips of 64 bytes alone: less than
                    two minutes
  --no-peers        v4vd alone, without the systems that it is compared with
  --only REGEX      only trials whose name matches, such as "unix.*/64B/throughput"
  --seconds N       length of a window (1; quick: 0.15); what nothing is asked of has half of it
  --repeats N       windows of each trial (5; quick: 3); what nothing is asked of has 3 of 5
  --touch WHAT      what receivers do with the bytes: compare "all" (the default), or
                    only the sequence number in front, the "stamp"
  --profile DIR     each process writes a CPU profile (*.cpuprofile) to this folder
  --list            print the names of the trials
  --report          no trials: make the tables and charts of bench/README.md of the newest
                    results
`

export interface Options {
  readonly task: 'run' | 'list' | 'report' | 'help'
  readonly parameters: Parameters
  readonly only: RegExp
  readonly profileDir: string | undefined
}

/** @throws Error with one sentence about what is wrong with the arguments. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      seconds: { type: 'string' },
      repeats: { type: 'string' },
      touch: { type: 'string', default: 'all' },
      profile: { type: 'string' },
      peers: { type: 'boolean', default: true },
      list: { type: 'boolean', default: false },
      report: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  const { quick, only, touch, peers } = values
  if (touch !== 'all' && touch !== 'stamp') throw new Error('--touch takes all or stamp')
  const seconds = numberOf('--seconds', values.seconds ?? (quick ? '0.15' : '1'), 0.05, 60)
  const repeats = numberOf('--repeats', values.repeats ?? (quick ? '3' : '5'), 1, 100)
  if (!Number.isInteger(repeats)) throw new Error('--repeats takes a whole number')
  return {
    task: values.help ? 'help' : values.list ? 'list' : values.report ? 'report' : 'run',
    parameters: {
      seconds,
      repeats,
      warmUpSeconds: quick ? 0.15 : 0.7,
      rules: RULES,
      touch,
      only,
      quick,
      peers,
      arguments: args,
    },
    only: new RegExp(only ?? ''),
    profileDir: values.profile,
  }
}

function numberOf(flag: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (value >= min && value <= max) return value
  throw new Error(`${flag} takes a number from ${min} to ${max}, not ${JSON.stringify(text)}`)
}
