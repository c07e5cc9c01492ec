import { fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const mainPath = fileURLToPath(new URL('../main.js', import.meta.url))
const senderPath = fileURLToPath(new URL('sender.js', import.meta.url))

/** How long a process may take to end before it is killed. */
const END_MS = 5_000

/** The processes of the demo: none of them outlives it. */
export class Children {
  readonly #running = new Set<ChildProcess>()

  /** Starts `v4v` with these arguments; its output is read through `stdout` and `stderr`. */
  command(args: readonly string[]): ChildProcess {
    return this.#keep(
      spawn(process.execPath, [mainPath, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }),
    )
  }

  /** Starts a sender, which reports by messages. */
  sender(args: readonly string[]): ChildProcess {
    return this.#keep(fork(senderPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }))
  }

  /** Asks a process to end, and waits until it has. */
  async end(child: ChildProcess): Promise<void> {
    if (!this.#running.has(child)) return
    const exit = once(child, 'close')
    child.kill('SIGTERM')
    const timer = new AbortController()
    await Promise.race([
      exit,
      sleep(END_MS, undefined, { signal: timer.signal }).then(
        () => child.kill('SIGKILL'),
        () => undefined,
      ),
    ])
    timer.abort()
    await exit
  }

  /** Ends all of them, the last one started first. */
  async endAll(): Promise<void> {
    for (const child of [...this.#running].reverse()) await this.end(child)
  }

  /** Kills all of them, when there is no time to wait for their ends. */
  killAll(): void {
    for (const child of this.#running) child.kill('SIGKILL')
  }

  #keep(child: ChildProcess): ChildProcess {
    this.#running.add(child)
    child.once('close', () => this.#running.delete(child))
    child.once('error', () => this.#running.delete(child))
    return child
  }
}
