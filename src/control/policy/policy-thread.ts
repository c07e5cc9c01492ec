import { Worker } from 'node:worker_threads'
import { leaveProcessor } from '../../native/thread-priority.js'
import { refuse, type Refusal } from '../../store/refusal.js'
import { ownBuffers } from './own-buffers.js'
import type { DomainTasks } from './domain-tasks.js'
import type { InquirySetting, KnownDomain, PolicyEdit, Setting } from './policy-messages.js'

/** What a thread can be asked to do: the methods of its tasks. */
export type TaskName<Tasks> = keyof Tasks & string
export type TaskParams<Tasks, Name extends TaskName<Tasks>> = Tasks[Name] extends (
  ...params: infer Params
) => unknown
  ? Params
  : never
export type TaskResult<Tasks, Name extends TaskName<Tasks>> = Tasks[Name] extends (
  ...params: never
) => infer Result
  ? Awaited<Result>
  : never

/** A request to the thread. */
export interface ThreadRequest {
  readonly seq: number
  readonly task: string
  readonly params: readonly unknown[]
}

/** What a thread says when it begins: its number, where the system has one. */
export interface ThreadBegun {
  readonly thread: number | undefined
}

/** Its answer. */
export type ThreadAnswer = { readonly seq: number } & (
  { readonly result: unknown } | { readonly error: string }
)

/** The thread ended before it answered; the next request starts another one. */
export class ThreadEnded extends Error {
  override readonly name = 'ThreadEnded'
}

interface Waiting {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: Error) => void
}

/** Domains that are told to the thread at a time. */
const DOMAINS_STEP = 500
/** A document that makes the thread need more than this ends it, and not the daemon. */
const HEAP_MB_MAX = 1_024
/** What a large policy needs while it is read fits in, so that little is copied about meanwhile. */
const YOUNG_HEAP_MB_MAX = 96

/**
 * The daemon's side of a thread that works on policies. The thread is started when it is first
 * needed, and again after it ended for whatever reason.
 */
export class PolicyThread<Tasks extends DomainTasks> {
  readonly #setting: () => Setting | InquirySetting
  readonly #domains: () => Iterable<KnownDomain>
  readonly #waiting = new Map<number, Waiting>()
  #worker: Promise<Worker> | undefined
  #ending: Worker | undefined
  #lastSeq = 0
  #isClosed = false

  /**
   * @param setting what a new thread has to know: the policy in force by then.
   * @param domains all domains by then.
   */
  constructor(setting: () => Setting | InquirySetting, domains: () => Iterable<KnownDomain>) {
    this.#setting = setting
    this.#domains = domains
  }

  /**
   * Has a task done.
   * @throws ThreadEnded
   */
  async call<Name extends TaskName<Tasks>>(
    task: Name,
    ...params: TaskParams<Tasks, Name>
  ): Promise<TaskResult<Tasks, Name>> {
    return (await this.#call(task, params)) as TaskResult<Tasks, Name>
  }

  /**
   * The same, unless it takes too long: then the thread is ended, and the next request starts
   * another one.
   * @param timeMsMax from now on, so nothing else that takes long should be under way.
   * @throws ThreadEnded
   */
  async callInTime<Name extends TaskName<Tasks>>(
    timeMsMax: number,
    task: Name,
    ...params: TaskParams<Tasks, Name>
  ): Promise<TaskResult<Tasks, Name> | Refusal<'ETIMEDOUT'>> {
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      void this.restart()
    }, timeMsMax)
    try {
      return await this.call(task, ...params)
    } catch (error) {
      if (!isLate || !(error instanceof ThreadEnded)) throw error
      return refuse('ETIMEDOUT', `this takes longer than ${timeMsMax / 1000} s: do less at a time`)
    } finally {
      clearTimeout(timer)
    }
  }

  /** True while it works on something. */
  get isBusy(): boolean {
    return this.#waiting.size > 0
  }

  /** Tells the thread, where there is one, of a domain that is new, has changed, or is gone. */
  noteDomain(name: string, domain: KnownDomain | undefined): void {
    if (this.#worker === undefined) return
    const told =
      domain === undefined ? this.#call('dropDomain', [name]) : this.#call('setDomains', [[domain]])
    // A thread that has ended knows no domains; the next one is told all of them.
    told.catch(() => undefined)
  }

  /** Ends the thread with all that it was asked; the next request starts another one. */
  async restart(): Promise<void> {
    const worker = await this.#worker?.catch(() => undefined)
    this.#ending = worker
    worker?.ref() // whoever waits for the end is not to end before
    await worker?.terminate()
  }

  /** Ends the thread for good. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.restart()
  }

  #running(): Promise<Worker> {
    if (this.#worker !== undefined) return this.#worker
    const started = this.#start()
    this.#worker = started
    started.catch(() => {
      if (this.#worker === started) this.#worker = undefined
    })
    return started
  }

  async #start(): Promise<Worker> {
    if (this.#isClosed) throw new ThreadEnded('the daemon is going down')
    const worker = new Worker(new URL('policy-worker.js', import.meta.url), {
      workerData: this.#setting(),
      resourceLimits: {
        maxOldGenerationSizeMb: HEAP_MB_MAX,
        maxYoungGenerationSizeMb: YOUNG_HEAP_MB_MAX,
      },
    })
    let failure = 'it ended'
    worker.on('message', (message: ThreadBegun | ThreadAnswer) => {
      if ('seq' in message) this.#answered(worker, message)
      else if (message.thread !== undefined) void leaveProcessor(message.thread)
    })
    worker.on('error', (error: Error) => (failure = error.message))
    worker.on('exit', () => this.#ended(failure))
    worker.unref()
    let step: KnownDomain[] = []
    for (const { name, id, tags } of this.#domains()) {
      step.push({ name, id, tags })
      if (step.length < DOMAINS_STEP) continue
      await this.#ask(worker, 'setDomains', [step])
      step = []
    }
    await this.#ask(worker, 'setDomains', [step])
    return worker
  }

  async #call(task: string, params: readonly unknown[]): Promise<unknown> {
    return this.#ask(await this.#running(), task, params)
  }

  #ask(worker: Worker, task: string, params: readonly unknown[]): Promise<unknown> {
    const seq = ++this.#lastSeq
    return new Promise((resolve, reject) => {
      this.#waiting.set(seq, { resolve, reject })
      worker.ref()
      const handedOver = params.filter(isRequest).flatMap(ownBuffers)
      worker.postMessage({ seq, task, params } satisfies ThreadRequest, handedOver)
    })
  }

  #answered(worker: Worker, answer: ThreadAnswer): void {
    const waiting = this.#waiting.get(answer.seq)
    this.#waiting.delete(answer.seq)
    if (this.#waiting.size === 0 && worker !== this.#ending) worker.unref()
    if ('error' in answer) waiting?.reject(new Error(answer.error))
    else waiting?.resolve(answer.result)
  }

  #ended(why: string): void {
    this.#worker = undefined
    this.#ending = undefined
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of waiting) {
      reject(new ThreadEnded(`the thread that works on policies ended: ${why}`))
    }
  }
}

/** A whole policy may have megabytes, and nobody but the thread needs them. */
function isRequest(param: unknown): boolean {
  return (param as Partial<PolicyEdit> | null | undefined)?.kind === 'request'
}
