/**
 * What the harness and the processes of a scenario say to each other over the channel of
 * `child_process.fork`: commands, one answer for each, and failures at any time.
 */

/** What a process can be told to do. */
// Parameters differ from command to command, and only `never` stands for all of them.
export type Commands = Readonly<Record<string, (...args: never[]) => unknown>>

export interface Command {
  readonly id: number
  readonly name: string
  readonly args: readonly unknown[]
}

export type Answer =
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly reason: string }

/** Ends the scenario: it says what went wrong to the harness, which ends this process. */
export type Fail = (reason: string) => void

/**
 * The frame of every process of a scenario: does what the harness says, and ends when it does.
 * @param make is given what ends the scenario; what its commands throw ends it too.
 */
export function hostActor(make: (fail: Fail) => Commands): void {
  const tell = (answer: Answer): void => {
    if (process.connected) process.send!(answer)
  }
  const fail: Fail = reason => tell({ kind: 'failed', reason })
  process.on('disconnect', () => process.exit())
  process.on('uncaughtException', error => fail(error.stack ?? String(error)))
  const commands = make(fail)
  const run = async ({ id, name, args }: Command): Promise<void> => {
    const value = await commands[name]!(...(args as never[]))
    tell({ kind: 'done', id, value })
  }
  process.on('message', (command: Command) => {
    run(command).catch((error: unknown) =>
      fail(`${command.name}: ${error instanceof Error ? error.message : String(error)}`),
    )
  })
}
