import { readFile, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { diffDecisions } from '../../policy/decision-diff.js'
import { summarize } from '../../policy/decision-summary.js'
import { formatPolicyDocument } from '../../policy/document.js'
import { formatSource } from '../../policy/fmt.js'
import { formatProblem } from '../../policy/policy-problem.js'
import { diffRules, type RuleChange } from '../../policy/rule-diff.js'
import type { Policy } from '../../policy/policy.js'
import { DEFAULT_ID } from '../../policy/rule.js'
import type { Selector } from '../../policy/selector.js'
import type { Subject } from '../../policy/subject.js'
import { runTests, type TestResult } from '../../policy/test-run.js'
import { command, withOutput, type OutputOptions } from '../command.js'
import { EXIT } from '../fail.js'
import { readDomains, readPolicy, withDomains, type OfflineOptions } from '../offline.js'
import { filesOf } from '../policy-files.js'
import { note, printData, printLine, printText } from '../output.js'
import { diffLines, printPlanLines } from '../plan-text.js'
import { printable } from '../printable.js'
import type { PolicyDiff } from '../rest-policy.js'

const SHOWN_NAMES = 5

/** The commands of `v4v policy` that are about files alone. */
export function offlineCommands(): Command[] {
  return [test(), fmt(), schema()]
}

/** Prints what tells the policies of two files or folders apart. */
export async function printFileDiff(
  a: string,
  b: string,
  options: OutputOptions & OfflineOptions,
): Promise<void> {
  const [before, after] = [await readPolicy([a]), await readPolicy([b])]
  const domains = (await readDomains(options)) ?? []
  const rules = diffRules(before.rules, after.rules)
  const decisions = diffDecisions(before, after, domains, Date.now())
  const count = (kind: RuleChange['kind']): number =>
    rules.filter(each => each.kind === kind).length
  const isOther = (part: 'sets' | 'tags' | 'tests'): boolean =>
    formatPolicyDocument({ rules: [], [part]: before[part] }) !==
    formatPolicyDocument({ rules: [], [part]: after[part] })
  const diff: PolicyDiff = {
    rules: {
      added: count('added'),
      removed: count('removed'),
      changed: count('changed'),
      moved: count('moved'),
      listed: rules,
    },
    setsChanged: isOther('sets'),
    tagsChanged: isOther('tags'),
    testsChanged: isOther('tests'),
    decisions: summarize(decisions, Infinity),
  }
  if (options.output !== 'table') printData(options.output, diff)
  else printPlanLines(diffLines(diff))
  const isChanged = diff.setsChanged || diff.tagsChanged || diff.testsChanged
  if (rules.length + decisions.changes.length > 0 || isChanged) process.exitCode = EXIT.usage
}

function test(): Command {
  const target = command('test', 'run the tests in policy files; exit code 3 if one fails', [
    'v4v policy test policy/',
    'v4v policy test policy/*.yaml --domains domains.json',
  ])
  return withOutput(withDomains(target))
    .argument('<file...>', 'files or folders, read as one policy')
    .action(async (paths: string[], options: OutputOptions & OfflineOptions) => {
      const policy = await readPolicy(paths)
      const domains = (await readDomains(options)) ?? []
      const results = runTests(policy, policy.tests, domains, Date.now())
      const failed = results.filter(({ ok }) => !ok)
      if (options.output !== 'table') {
        printData(options.output, { run: results.length, failed: failed.length, results })
      } else {
        for (const { test: each, message } of failed) {
          const at = each.place === undefined ? '' : `${each.place.file}:${each.place.line}: `
          note(printable(`${at}${message}`))
        }
        const untagged = withoutTags(failed, policy, domains)
        if (untagged.length > 0) note(printable(tagHint(untagged)))
        printLine(`${results.length} run, ${failed.length} failed`)
      }
      if (failed.length > 0) process.exitCode = EXIT.refused
    })
}

/** The domains without known tags in tests that failed since no rule matched, for want of tags. */
function withoutTags(
  failed: readonly TestResult[],
  { rules, tags }: Policy,
  domains: readonly Subject[],
): string[] {
  const isTag = ({ kind }: Selector): boolean => kind === 'tag'
  if (!rules.some(({ source, destination }) => isTag(source) || isTag(destination))) return []
  const tagged = new Set([
    ...tags.flatMap(tag => tag.domains),
    ...domains.filter(domain => domain.tags.length > 0).map(domain => domain.name),
  ])
  const unmatched = failed.filter(({ rule }) => rule === DEFAULT_ID)
  const ends = unmatched.flatMap(({ test: { from, to } }) => [from, to])
  const names = ends.flatMap(end => (end.kind === 'name' ? [end.name] : []))
  return [...new Set(names)].filter(name => !tagged.has(name))
}

function tagHint(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_NAMES).join(', ')
  const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : ''
  return `no tags are known here of ${shown}${more}: name them under "tags" in the files, give --domains FILE (from "v4v domain ls -o json"), or ask a daemon with "v4v policy plan"`
}

function fmt(): Command {
  return command('fmt', 'write policy files in the one form, comments and all', [
    'v4v policy fmt policy/',
    'v4v policy fmt --check policy/*.yaml',
  ])
    .argument('<file...>', 'files or folders')
    .option('--check', 'change nothing; exit code 3 if a file would be changed')
    .action(async (paths: string[], options: { check?: true }) => {
      for (const { path } of await filesOf(paths)) {
        const text = await readFile(path, 'utf8')
        const formatted = formatSource({ name: path, text })
        if (!formatted.ok) {
          for (const problem of formatted.problems) note(printable(formatProblem(problem)))
          process.exitCode = EXIT.refused
        } else if (formatted.text !== text) {
          printLine(printable(path))
          if (options.check === true) process.exitCode = EXIT.refused
          else await writeFile(path, formatted.text)
        }
      }
    })
}

function schema(): Command {
  return command('schema', 'print the JSON Schema of policy files, for editors', [
    'v4v policy schema > policy/schema.json',
  ]).action(async () => {
    // With what it takes, most of the time that a command takes to start; so only here.
    const { formatSchema } = await import('../../policy/schema.js')
    printText(formatSchema())
  })
}
