import type { ChildProcess } from 'node:child_process'
import { printable } from '../printable.js'
import type { SenderReport } from './report.js'

/** What is known of a sending process. */
export class Sender {
  readonly child: ChildProcess
  accepted = 0
  refused = 0
  /** Of what was accepted; empty until the process has ended. */
  sha256 = ''
  #refusal = 'nothing'

  constructor(child: ChildProcess) {
    this.child = child
    child.on('message', (report: SenderReport) => this.#take(report))
  }

  /** Lines that were answered, either way. */
  get total(): number {
    return this.accepted + this.refused
  }

  /** The last refusal in the sender's own words. */
  refusal(): string {
    return this.#refusal
  }

  #take(report: SenderReport): void {
    this.accepted = report.accepted
    this.refused = report.refused
    if (report.kind === 'done') this.sha256 = report.sha256
    if (report.kind === 'refused') {
      this.#refusal = printable(`"${report.message}", decision ${report.decisionId}`)
    }
  }
}
