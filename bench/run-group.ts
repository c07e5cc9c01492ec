import os from 'node:os'
import { LiveTrial } from './live-trial.js'
import type { Beside, Parameters, Repeat, TrialResult } from './results.js'
import { neighboursOf, roundOf, takesPart, type Turn } from './rounds.js'
import { hasTarget } from './targets.js'
import { BASELINES, type Trial } from './trials.js'

/** Others between two windows of the baseline, in a full run and in a quick one. */
const BETWEEN = 2
const BETWEEN_QUICK = 4
/** It has fewer windows, though enough for a median, and shorter ones. */
const REST_REPEATS_MIN = 3
const REST_REPEATS_PART = 0.6
const REST_SECONDS_PART = 0.5

/** A trial that has started, and how it is measured. */
interface Member {
  readonly live: LiveTrial
  readonly repeats: number
  readonly seconds: number
}

/**
 * Runs trials of one payload and one measure side by side: all their processes are there from the
 * start, but one trial at a time is at work. The windows go round, with the baseline's among them.
 * @param profileDir where each process writes a CPU profile, if it should.
 * @param note is told how far it is.
 * @returns the results in the order of the trials.
 */
export async function runGroup(
  trials: readonly Trial[],
  parameters: Parameters,
  profileDir: string | undefined,
  note: (line: string) => void,
): Promise<TrialResult[]> {
  const started = await startAll(trials, parameters, profileDir, note)
  for (const live of started) {
    note(`warming up ${live.trial.name}`)
    await live.warmUp()
  }
  const baseline = BASELINES.find(name => trials.some(({ system }) => system.name === name))
  const isAsked = trials.some(hasTarget)
  const members = started.map(live => {
    const { trial } = live
    const counts = hasTarget(trial) || (isAsked && trial.system.name === baseline)
    return { live, ...(counts ? parameters : restOf(parameters)) }
  })
  const rounds = Math.max(...members.map(({ repeats }) => repeats))
  for (let round = 0; round < rounds; round++) {
    note(`round ${round + 1} of ${rounds}`)
    const present = members.filter(({ repeats }) => takesPart(repeats, rounds, round))
    const others = present.filter(({ live }) => live.trial.system.name !== baseline)
    const against = members.find(({ live }) => live.trial.system.name === baseline)
    await runRound(
      others,
      against,
      roundOf(others.length, parameters.quick ? BETWEEN_QUICK : BETWEEN, round),
    )
  }
  return Promise.all(started.map(live => live.end()))
}

/** As many at a time as there are cores. */
async function startAll(
  trials: readonly Trial[],
  parameters: Parameters,
  profileDir: string | undefined,
  note: (line: string) => void,
): Promise<LiveTrial[]> {
  const started: LiveTrial[] = []
  const left = [...trials.entries()]
  const startOneByOne = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [index, trial] = next
      note(`starting ${trial.name}`)
      started[index] = await LiveTrial.start(trial, parameters, profileDir)
    }
  }
  await Promise.all(Array.from({ length: os.availableParallelism() }, startOneByOne))
  return started
}

/** How that is measured of which nothing is asked. */
export function restOf({ repeats, seconds, quick }: Parameters): {
  repeats: number
  seconds: number
} {
  if (quick) return { repeats, seconds }
  const fewer = Math.max(REST_REPEATS_MIN, Math.ceil(repeats * REST_REPEATS_PART))
  return { repeats: Math.min(repeats, fewer), seconds: seconds * REST_SECONDS_PART }
}

async function runRound(
  others: readonly Member[],
  baseline: Member | undefined,
  turns: readonly Turn[],
): Promise<void> {
  const memberAt = (turn: Turn): Member | undefined =>
    turn === 'baseline' ? baseline : others[turn]
  const windows: (Repeat | undefined)[] = []
  for (const turn of turns) {
    const member = memberAt(turn)
    windows.push(await member?.live.measure(member.seconds))
  }
  for (const [at, turn] of turns.entries()) {
    const window = windows[at]
    if (window === undefined) continue
    const beside = turn === 'baseline' ? undefined : besideOf(turns, windows, at)
    memberAt(turn)!.live.keep({ ...window, beside })
  }
}

/** What the baseline did before and behind a window, in the middle of both. */
function besideOf(
  turns: readonly Turn[],
  windows: readonly (Repeat | undefined)[],
  at: number,
): Beside | undefined {
  const [before, behind] = neighboursOf(turns, at).map(index => windows[index])
  if (before === undefined || behind === undefined) return undefined
  const middleOf = (value: (repeat: Repeat) => number): number =>
    (value(before) + value(behind)) / 2
  const datagramsPerSecond = middleOf(repeat => repeat.datagramsPerSecond)
  if (before.latencyUs === undefined) return { datagramsPerSecond }
  const p50 = middleOf(({ latencyUs }) => latencyUs!.p50)
  const p99 = middleOf(({ latencyUs }) => latencyUs!.p99)
  return { datagramsPerSecond, latencyUs: { p50, p99 } }
}
