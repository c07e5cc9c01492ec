import { fork, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Answer, Command, Commands } from './actor.js'

/** From being told to end until being killed. */
const END_MS_MAX = 3_000

/** A process of a scenario, seen from the harness. */
export interface Actor<C extends Commands> {
  readonly pid: number
  /** Has it do something. What can't be done ends the scenario, and the promise stays pending. */
  call<K extends keyof C & string>(
    name: K,
    ...args: Parameters<C[K]>
  ): Promise<Awaited<ReturnType<C[K]>>>
}

/** All processes of one scenario and its folder: whatever happens, none of them stays. */
export class Crew {
  /** A folder for this scenario alone. */
  readonly dir = mkdtempSync(join(tmpdir(), 'v4v-bench-'))
  /** Rejects when a process fails or ends too early. */
  readonly failed: Promise<never>
  #reject!: (error: Error) => void
  readonly #living = new Map<ChildProcess, Promise<void>>()
  readonly #profileDir: string | undefined
  #isEnding = false
  readonly #onExit = (): void => {
    for (const child of this.#living.keys()) child.kill('SIGKILL')
    rmSync(this.dir, { recursive: true, force: true })
  }

  /** @param profileDir where each process writes a CPU profile, if it should. */
  constructor(profileDir: string | undefined) {
    this.#profileDir = profileDir
    this.failed = new Promise((_, reject) => (this.#reject = reject))
    this.failed.catch(() => undefined) // it is looked at by who runs the scenario
    process.once('exit', this.#onExit)
  }

  /**
   * Starts a process that hosts an actor.
   * @param script of actors/.
   */
  actor<C extends Commands>(script: string, execArgv: readonly string[] = []): Actor<C> {
    const path = fileURLToPath(new URL(`actors/${script}.js`, import.meta.url))
    const child = fork(path, {
      execArgv: [...execArgv, ...this.#profileArgs(script)],
      serialization: 'advanced', // what is left out stays undefined
    })
    const answers = new Map<number, (value: unknown) => void>()
    let nextId = 0
    this.#watch(script, child)
    child.on('message', (answer: Answer) => {
      if (answer.kind === 'failed') {
        this.#fail(`${script}: ${answer.reason}`)
        return
      }
      answers.get(answer.id)?.(answer.value)
      answers.delete(answer.id)
    })
    const call = (name: string, ...args: unknown[]): Promise<unknown> => {
      const command: Command = { id: nextId++, name, args }
      return new Promise(resolve => {
        answers.set(command.id, resolve)
        child.send(command, error => {
          if (error !== null) this.#fail(`${script}: ${error.message}`)
        })
      })
    }
    return { pid: child.pid!, call: call as Actor<C>['call'] }
  }

  /** Starts a server that is no part of v4vd, such as nats-server. @returns its process id. */
  server(path: string, args: readonly string[]): number {
    const child = spawn(path, args, { cwd: this.dir, stdio: 'ignore' })
    this.#watch(path, child)
    return child.pid!
  }

  /** Ends all processes and removes the folder. */
  async end(): Promise<void> {
    this.#isEnding = true
    for (const child of this.#living.keys()) {
      if (child.connected) child.disconnect()
      else child.kill()
    }
    const timer = setTimeout(() => {
      for (const child of this.#living.keys()) child.kill('SIGKILL')
    }, END_MS_MAX)
    await Promise.all(this.#living.values())
    clearTimeout(timer)
    rmSync(this.dir, { recursive: true, force: true })
    process.off('exit', this.#onExit)
  }

  #watch(name: string, child: ChildProcess): void {
    const exited = new Promise<void>(resolve => {
      child.on('exit', (code, signal) => {
        this.#living.delete(child)
        resolve()
        this.#fail(`${name}: the process ended with ${signal ?? `exit code ${code}`}`)
      })
      child.on('error', error => {
        this.#fail(`${name}: ${error.message}`)
        if (child.pid !== undefined) return
        this.#living.delete(child)
        resolve()
      })
    })
    this.#living.set(child, exited)
  }

  #fail(reason: string): void {
    if (!this.#isEnding) this.#reject(new Error(reason))
  }

  #profileArgs(script: string): string[] {
    const dir = this.#profileDir
    return dir === undefined
      ? []
      : [
          '--cpu-prof',
          `--cpu-prof-dir=${dir}`,
          `--cpu-prof-name=${script}-${process.hrtime.bigint()}.cpuprofile`,
        ]
  }
}
