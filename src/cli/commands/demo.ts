import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { command } from '../command.js'
import { Demo } from '../demo/demo.js'
import { EXIT } from '../fail.js'

/** `v4v demo`: a short guided run with real traffic. */
export function demoCommand(): Command {
  return command('demo', 'show in a few seconds what v4v does, with real traffic', [
    'v4v demo',
  ]).action(async () => {
    const dir = await mkdtemp(join(tmpdir(), 'v4v-demo-'))
    const demo = new Demo(dir)
    const interrupt = (): void => {
      process.exitCode = EXIT.failed
      void demo.interrupt()
    }
    // As when nobody reads what is shown any more: then this process has no turn to wait in.
    const leave = (): void => {
      demo.kill()
      // What is killed may be about to write a file yet.
      rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 10 })
    }
    process.once('exit', leave)
    process.once('SIGINT', interrupt)
    process.once('SIGTERM', interrupt)
    try {
      if (!(await demo.run())) process.exitCode = EXIT.failed
    } finally {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', interrupt)
      await demo.end()
      await rm(dir, { recursive: true, force: true })
      process.off('exit', leave)
    }
  })
}
