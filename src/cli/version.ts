import { readFileSync } from 'node:fs'

/** The version of the package this file belongs to: that of the nearest package.json above it. */
export function version(): string {
  for (let dir = new URL('.', import.meta.url); ; dir = new URL('..', dir)) {
    try {
      const text = readFileSync(new URL('package.json', dir), 'utf8')
      return (JSON.parse(text) as { version: string }).version
    } catch (error) {
      if (dir.pathname === '/') throw error
    }
  }
}
