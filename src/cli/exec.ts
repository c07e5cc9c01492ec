import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Batch } from '../sdk/batch.js'
import type { ByteSink, DatagramSink } from './datagram-sink.js'
import { failed } from './fail.js'

/** One run of a shell command that reads everything. */
export class CommandInput implements ByteSink {
  readonly #command: string
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>

  constructor(command: string) {
    this.#command = command
    this.#child = spawnShell(command)
    this.#exit = once(this.#child, 'close')
    this.#exit.catch(() => undefined) // told by write or end
  }

  /** @throws Failure when the command does not read any more. */
  async write(bytes: Uint8Array): Promise<void> {
    try {
      await writeAll(this.#child, bytes)
    } catch {
      await this.#checkExit()
      throw failed(`the command ${JSON.stringify(this.#command)} does not read its input any more`)
    }
  }

  /** @throws Failure when the command fails. */
  async end(): Promise<void> {
    this.#child.stdin!.end()
    await this.#checkExit()
  }

  async #checkExit(): Promise<void> {
    await this.#exit
    const problem = exitProblem(this.#child)
    if (problem !== undefined) {
      throw failed(`the command ${JSON.stringify(this.#command)} ${problem}`)
    }
  }
}

/** A run of a shell command for each datagram, one after the other. */
export class CommandPerDatagram implements DatagramSink {
  readonly #command: string
  #failures = 0
  #lastProblem = ''

  constructor(command: string) {
    this.#command = command
  }

  async take(batch: Batch, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const child = spawnShell(this.#command, {
        V4V_SOURCE: `${batch.source(i)}:${batch.sourcePort(i)}`,
      })
      const exit = once(child, 'close')
      // A command that does not read its input is no failure, as in a shell's pipe.
      await writeAll(child, batch.data(i)).catch(() => undefined)
      child.stdin!.end()
      await exit
      const problem = exitProblem(child)
      if (problem === undefined) continue
      this.#failures++
      this.#lastProblem = problem
    }
  }

  /** @throws Failure when some run failed. */
  end(): Promise<void> {
    if (this.#failures === 0) return Promise.resolve()
    const times = `${this.#failures} time${this.#failures === 1 ? '' : 's'}`
    throw failed(`the command ${JSON.stringify(this.#command)} ${this.#lastProblem} (${times})`)
  }
}

function spawnShell(command: string, env: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = spawn('sh', ['-c', command], {
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...process.env, ...env },
    // Ctrl-C is for us: the command ends when its input does.
    detached: true,
  })
  child.stdin.on('error', () => undefined) // told by the write that met it
  return child
}

/** @throws when the other end is closed. */
async function writeAll(child: ChildProcess, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.stdin!.write(bytes, error => {
      if (error === null || error === undefined) resolve()
      else reject(error)
    })
  })
}

function exitProblem({ exitCode, signalCode }: ChildProcess): string | undefined {
  if (signalCode !== null) return `was ended by ${signalCode}`
  return exitCode === 0 ? undefined : `failed with exit code ${exitCode}`
}
