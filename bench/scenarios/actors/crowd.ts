import { hostActor, type Fail } from '../actor.js'
import { RawSession, type Flood } from '../raw-session.js'

/** Sessions that attach at a time. */
const ATTACHING = 64

const sessions: RawSession[] = []

const commandsOf = (fail: Fail) => ({
  /** Attaches a session at each door. */
  async attach(urls: readonly string[]): Promise<void> {
    const left = [...urls]
    const attachOneByOne = async (): Promise<void> => {
      for (let url = left.pop(); url !== undefined; url = left.pop()) {
        sessions.push(await RawSession.open(url, fail))
      }
    }
    await Promise.all(Array.from({ length: ATTACHING }, attachOneByOne))
  },

  /** Has all sessions flood, from now on. */
  async flood(flood: Flood): Promise<void> {
    await Promise.all(sessions.map(session => session.flood(flood)))
  },

  /** How many datagrams they wrote so far. */
  written(): number {
    return sessions.reduce((sum, { sent }) => sum + sent, 0)
  },

  end(): void {
    for (const session of sessions) session.end()
  },
})

export type CrowdCommands = ReturnType<typeof commandsOf>

hostActor(commandsOf)
