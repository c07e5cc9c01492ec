import type { ChildProcess } from 'node:child_process'
import { createHash, type Hash } from 'node:crypto'
import { createInterface } from 'node:readline'
import type { Arrival } from '../arrival.js'

/** What arrived from one domain. */
export interface ArrivedSum {
  readonly lines: number
  /** Over all lines, each with a newline behind it. */
  readonly sha256: string
}

/** Reads what `v4v listen -o json` prints and sums it up by sender. */
export class Collector {
  readonly child: ChildProcess
  readonly #sums = new Map<string, { lines: number; readonly hash: Hash }>()

  constructor(child: ChildProcess) {
    this.child = child
    createInterface({ input: child.stdout! }).on('line', line => this.#add(line))
  }

  /** To be asked once, when the process has ended. */
  sum(domain: string): ArrivedSum {
    const { lines, hash } = this.#sumOf(domain)
    return { lines, sha256: hash.digest('hex') }
  }

  #add(line: string): void {
    const arrival = JSON.parse(line) as Arrival
    const sum = this.#sumOf(arrival.domain)
    sum.lines++
    const data =
      'text' in arrival ? Buffer.from(arrival.text) : Buffer.from(arrival.base64, 'base64')
    sum.hash.update(data).update('\n')
  }

  #sumOf(domain: string): { lines: number; readonly hash: Hash } {
    let sum = this.#sums.get(domain)
    if (sum === undefined) {
      sum = { lines: 0, hash: createHash('sha256') }
      this.#sums.set(domain, sum)
    }
    return sum
  }
}
