import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { failed } from '../fail.js'
import type { Distribution } from './distribution.js'
import type {
  Received,
  ReceiverJob,
  ReceiverMessage,
  ReceiverQuestion,
} from './receiver-messages.js'

const receiverPath = fileURLToPath(new URL('receiver.js', import.meta.url))

/** How long the process may take to end before it is killed. */
const END_MS = 2_000

/** The process that receives, seen from the command. */
export class ReceiverProcess {
  /** Rejects when it can't go on. */
  readonly failed: Promise<never>
  readonly #child: ChildProcess
  #reject!: (error: Error) => void
  #isEnding = false

  constructor() {
    // Advanced, so that what is undefined stays undefined.
    this.#child = fork(receiverPath, { serialization: 'advanced' })
    this.failed = new Promise((_, reject) => (this.#reject = reject))
    this.failed.catch(() => undefined) // it is looked at by who measures
    this.#child.on('message', (message: ReceiverMessage) => {
      if (message.kind === 'failed') this.#fail(message.reason)
    })
    this.#child.on('error', error => this.#fail(error.message))
    this.#child.on('exit', (code, signal) => {
      this.#fail(
        signal === null ? `its process ended with exit code ${code}` : `${signal} ended it`,
      )
    })
  }

  /** Attaches and binds. @returns the port. */
  async start(job: ReceiverJob): Promise<number> {
    this.#child.send(job)
    return (await this.#next('ready')).port
  }

  /** What it has received so far; one call at a time. */
  async received(): Promise<Received> {
    return (await this.#ask('received')).received
  }

  /** How the times are spread that datagrams took; undefined when none bore its time. */
  async distribution(): Promise<Distribution | undefined> {
    return (await this.#ask('distribution')).distribution
  }

  async end(): Promise<void> {
    this.#isEnding = true
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = new Promise(resolve => child.once('exit', resolve)) // once() ends with an error, too
    if (child.connected) child.disconnect()
    const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
    await exit
    clearTimeout(timer)
  }

  #ask<Q extends ReceiverQuestion>(question: Q): Promise<ReceiverMessage & { kind: Q }> {
    if (this.#isEnding) return this.failed // the measurement is over already
    this.#child.send(question)
    return this.#next(question)
  }

  #next<K extends ReceiverMessage['kind']>(kind: K): Promise<ReceiverMessage & { kind: K }> {
    const next = new Promise<ReceiverMessage & { kind: K }>(resolve => {
      const onMessage = (message: ReceiverMessage): void => {
        if (message.kind !== kind) return
        this.#child.off('message', onMessage)
        resolve(message as ReceiverMessage & { kind: K })
      }
      this.#child.on('message', onMessage)
    })
    return Promise.race([next, this.failed])
  }

  #fail(reason: string): void {
    if (!this.#isEnding) this.#reject(failed(`the receiver: ${reason}`))
  }
}
