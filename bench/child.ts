import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Door, Job, PartName, Report, Request, Snapshot } from './protocol.js'

/** From being told to end until being killed. */
const END_MS_MAX = 2_000

const living = new Set<Child>()

// However the harness ends, no process stays. If it is killed, they see the channel close.
process.on('exit', () => {
  for (const child of living) child.kill()
})

/** A process of a trial. */
export class Child {
  readonly #process: ChildProcess
  readonly #answers = new Map<number, (snapshot: Snapshot) => void>()
  readonly #onFailed: (error: Error) => void
  readonly #exited: Promise<void>
  readonly #ready: Promise<Partial<Record<PartName, Door>>>
  #part: PartName = 'relay'
  #nextId = 0
  #isEnding = false

  /**
   * Starts a process, which loads its code and then waits for its job.
   * @param script of processes/.
   * @param onFailed told of whatever goes wrong in it, at any time. What is awaited of it then
   *   stays pending.
   */
  constructor(script: string, execArgv: string[], onFailed: (error: Error) => void) {
    const path = fileURLToPath(new URL(`processes/${script}.js`, import.meta.url))
    const forked = fork(path, { execArgv })
    const fail = (reason: string): void => {
      if (!this.#isEnding) onFailed(new Error(`${script} ${this.#part}: ${reason}`))
    }
    this.#process = forked
    this.#onFailed = onFailed
    this.#ready = new Promise(resolve => {
      forked.on('message', (report: Report) => {
        if (report.kind === 'ready') resolve(report.doors)
        else if (report.kind === 'failed') fail(report.reason)
        else this.#answered(report.id, report.snapshot)
      })
    })
    this.#exited = new Promise(resolve => {
      forked.on('exit', (code, signal) => {
        living.delete(this)
        resolve()
        fail(`the process ended with ${signal ?? `exit code ${code}`}`)
      })
    })
    forked.on('error', error => fail(error.message))
    living.add(this)
  }

  /**
   * Has it start the parts of its job.
   * @returns where clients attach, if it is a relay.
   */
  start(job: Job): Promise<Partial<Record<PartName, Door>>> {
    this.#part = job.part ?? 'relay'
    this.#send(job)
    return this.#ready
  }

  /** Asks a part for its counters. */
  ask(part: PartName, ask: Request['ask']): Promise<Snapshot> {
    const request: Request = { id: this.#nextId++, part, ask }
    return new Promise(resolve => {
      this.#answers.set(request.id, resolve)
      this.#send(request)
    })
  }

  /** Has the process end, and kills it if it does not. */
  async end(): Promise<void> {
    this.#isEnding = true
    if (this.#process.connected) this.#process.disconnect()
    const timer = setTimeout(() => this.kill(), END_MS_MAX)
    await this.#exited
    clearTimeout(timer)
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }

  #send(message: Job | Request): void {
    this.#process.send(message, error => {
      if (error !== null && !this.#isEnding) this.#onFailed(error)
    })
  }

  #answered(id: number, snapshot: Snapshot): void {
    this.#answers.get(id)?.(snapshot)
    this.#answers.delete(id)
  }
}
