#!/usr/bin/env node
import { errorLine, EXIT } from './fail.js'
import { runProgram } from './program.js'

// A daemon must not end because the terminal that it was started from did.
process.stderr.on('error', () => undefined)
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever reads our output may have had enough of it, as in `v4v rule ls | head -1`.
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  process.stderr.write(`${errorLine(error)}\n`)
  process.exit(EXIT.failed)
})

const exitCode = await runProgram(process.argv.slice(2))
if (exitCode !== undefined) process.exitCode = exitCode
