import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { flowLine } from '../flow-line.js'
import type { Flow } from '../rest.js'

/** Reads what `v4v flows -f -o json` prints and remembers the last decision of each kind. */
export class Viewer {
  readonly #last = new Map<string, Flow>()

  constructor(child: ChildProcess) {
    createInterface({ input: child.stdout! }).on('line', line => {
      const flow = JSON.parse(line) as Flow
      this.#last.set(`${flow.source.split(':', 1)[0]} ${flow.verdict}`, flow)
    })
  }

  /** The last decision about a domain's datagrams with this verdict, as a line. */
  last(domain: string, verdict: string): string | undefined {
    const flow = this.#last.get(`${domain} ${verdict}`)
    return flow === undefined ? undefined : flowLine(flow)
  }

  /** Waits for new ones from now on. */
  forget(): void {
    this.#last.clear()
  }
}
