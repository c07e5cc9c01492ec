import type { Answers } from '../answers.js'
import { button } from '../button.js'
import { openDialog } from '../dialog.js'
import { difference } from '../difference.js'
import { fill, h } from '../dom.js'
import { draft } from '../draft.js'
import { Editor } from '../editor.js'
import { pause } from '../events.js'
import { form, reasonField, type Values } from '../form.js'
import { count, time } from '../format.js'
import { say } from '../notices.js'
import { planReport } from '../plan-report.js'
import { FileMarks } from '../file-marks.js'
import { isLeft, placeText, Problem } from '../problem.js'
import { problemBox } from '../problem-box.js'
import { bar } from '../table.js'
import { heading, part, type Context } from '../view.js'

/** How long after the last key the daemon is asked whether the files are good. */
const CHECK_AFTER_MS = 600
const NEW_FILE = '# who may talk to whom\nrules:\n'

/** The files of the policy: written, checked while they are, compared with what is in force, applied. */
export function policy(context: Context): HTMLElement {
  return new PolicyView(context).root
}

class PolicyView {
  readonly root: HTMLElement
  readonly #context: Context
  readonly #editor: Editor
  readonly #marks = new FileMarks()
  readonly #tabs = h('div', { class: 'tabs', role: 'group', 'aria-label': 'files' })
  readonly #problems = h('div', { id: 'policy-problems', 'aria-live': 'polite' })
  readonly #state = h('p', { class: 'quiet', role: 'status' })
  readonly #result = h('div', { 'aria-live': 'polite' })
  #file: string
  #checking = new AbortController()

  constructor(context: Context) {
    this.#context = context
    const { api, query, signal } = context
    this.#file = query.get('file') ?? ''
    this.#editor = new Editor('policy file', text => this.#typed(text), 'policy-problems')
    this.#editor.isReadOnly = !api.may('applyPolicy')
    const loaded = part(signal, async () => {
      await this.#read()
      this.#showFile()
      const line = Number(query.get('line'))
      if (line > 0) this.#editor.goTo(line)
      if (draft.isChanged) void this.#check()
      return undefined
    })
    this.root = h(
      'section',
      {},
      heading(
        'Policy',
        button('New file', () => this.#newFile(), { needs: [api, 'applyPolicy'] }),
        button('Remove file', () => this.#removeFile(), { needs: [api, 'applyPolicy'] }),
        button('Discard changes', () => this.#discard()),
        button('Schema for editors', () => this.#schema()),
      ),
      loaded.root,
      this.#state,
      this.#tabs,
      this.#editor.root,
      this.#problems,
      h('div', { class: 'columns' }, this.#planForm(), this.#applyForm()),
      this.#result,
    )
  }

  /** Takes what is in force as what the edits are made upon. */
  async #read(): Promise<void> {
    const { api, signal } = this.#context
    if (draft.revision !== undefined && draft.isChanged) return
    const { revision, documents = [] } = await api.call('policy', {
      query: { form: 'documents' },
      signal,
    })
    draft.rebase(revision, documents)
  }

  #showFile(): void {
    const { files } = draft
    if (!files.some(({ name }) => name === this.#file)) this.#file = files[0]?.name ?? ''
    this.#editor.show(draft.text(this.#file) ?? '', this.#marks.of(this.#file))
    this.#editor.root.hidden = this.#file === ''
    const tabs = files.map(({ name }) => {
      const isWrong = this.#marks.of(name).some(({ severity }) => severity === 'error')
      return h(
        'button',
        {
          type: 'button',
          class: isWrong ? 'wrong' : '',
          'aria-pressed': String(name === this.#file),
          onclick: () => {
            this.#file = name
            this.#showFile()
          },
        },
        name,
        draft.isEdited(name) && ' •',
      )
    })
    fill(this.#tabs, ...tabs)
    this.#showState()
    this.#showProblems()
  }

  #showState(): void {
    const edited = draft.files.filter(({ name }) => draft.isEdited(name)).length
    const changed = draft.isChanged
      ? edited === 0
        ? 'changed'
        : `${count(edited)} changed`
      : 'as in force'
    this.#state.textContent = `${count(draft.files.length)} files, upon revision ${draft.revision ?? '-'}: ${changed}`
  }

  #showProblems(): void {
    const places = this.#marks.all
    fill(
      this.#problems,
      places.length > 0 &&
        h(
          'ul',
          { class: 'places' },
          ...places.map(mark =>
            h(
              'li',
              { class: mark.severity },
              h(
                'button',
                {
                  type: 'button',
                  class: 'link',
                  onclick: () => {
                    this.#file = mark.file
                    this.#showFile()
                    this.#editor.goTo(mark.line, mark.column)
                  },
                },
                placeText(mark),
              ),
              ` ${mark.message}`,
            ),
          ),
        ),
    )
  }

  #typed(text: string): void {
    draft.put(this.#file, text)
    // What was said of the text before says nothing of this one.
    for (const problem of this.root.querySelectorAll('form .problem')) problem.remove()
    this.#showState()
    void this.#check()
  }

  /** Asks, a little after the last key, what the daemon has to say of the files. */
  async #check(): Promise<void> {
    const { signal } = this.#context
    this.#checking.abort()
    this.#checking = new AbortController()
    const { signal: stale } = this.#checking
    await pause(CHECK_AFTER_MS, stale)
    if (stale.aborted || signal.aborted) return
    try {
      const plan = await this.#planned('', AbortSignal.any([stale, signal]))
      this.#marks.takePlan(plan)
      this.#showFile()
    } catch (error) {
      if (signal.aborted || isLeft(error)) return
      this.#showRefusal(Problem.of(error))
    }
  }

  #planned(replay: string, signal = this.#context.signal): Promise<Answers['planPolicy']> {
    const body = { documents: draft.files }
    return this.#context.api.call('planPolicy', { body, query: { replay }, signal })
  }

  /** What has a place is shown there; what has none is shown below. */
  #showRefusal(problem: Problem): void {
    this.#marks.takeProblem(problem)
    this.#showFile()
    if (this.#marks.all.length === 0) this.#problems.append(problemBox(problem))
  }

  #planForm(): HTMLElement {
    const run = async ({ replay = '' }: Values): Promise<void> => {
      this.#checking.abort()
      fill(this.#result)
      try {
        const plan = await this.#planned(replay === 'the flow log' ? '' : replay)
        this.#marks.takePlan(plan)
        this.#showFile()
        fill(this.#result, planReport(plan))
      } catch (error) {
        if (!isLeft(error)) this.#showRefusal(Problem.of(error))
        throw error
      }
    }
    return h(
      'section',
      { class: 'card' },
      h('h2', {}, 'What would it change?'),
      form({
        fields: [
          {
            name: 'replay',
            label: 'Decide again',
            kind: 'choice',
            options: ['the flow log', '1h', '24h', '7d'],
          },
        ],
        submit: 'Plan',
        run,
      }),
    )
  }

  #applyForm(): HTMLElement {
    const { api } = this.#context
    const problem = h('div')
    const run = async (values: Values): Promise<void> => {
      fill(problem)
      try {
        await this.#apply(values)
      } catch (error) {
        const refused = Problem.of(error)
        if (refused.status === 412) fill(problem, this.#conflict())
        else if (!isLeft(error)) this.#showRefusal(refused)
        throw error
      }
    }
    const applied = form({
      fields: [
        {
          name: 'confirm',
          label: 'Roll back unless confirmed within',
          value: '60s',
          hint: 'such as 60s or 10m; at once and for good if empty',
        },
        reasonField,
        ...(api.isAtLeast('root')
          ? [{ name: 'skip', label: 'Do not run the tests', kind: 'check' } as const]
          : []),
      ],
      submit: 'Apply',
      run,
    })
    const submit = applied.querySelector('button')!
    submit.disabled = !api.may('applyPolicy')
    if (submit.disabled) submit.title = 'this needs the role policy-admin'
    return h('section', { class: 'card' }, h('h2', {}, 'Put it in force'), applied, problem)
  }

  async #apply({ confirm, reason, skip }: Values): Promise<void> {
    const { api, changed } = this.#context
    this.#checking.abort()
    const documents = draft.files
    const applied = await api.call('applyPolicy', {
      body: { documents },
      query: { confirm, tests: skip === 'true' ? 'skip' : undefined },
      ifRevision: draft.revision,
      reason,
    })
    const { revision, deadline, unchanged, rules } = applied
    if (unchanged) {
      say(`Revision ${revision} says the same already.`)
    } else {
      const until =
        deadline === null ? '' : `; it goes away unless it is confirmed by ${time(deadline)}`
      say(`Revision ${revision} is in force with ${count(rules)} rules${until}.`)
    }
    draft.rebase(revision, documents)
    this.#marks.clear()
    fill(this.#result)
    this.#showFile()
    changed()
  }

  /** What can be done when another admin was first. */
  #conflict(): HTMLElement {
    const { api, signal } = this.#context
    const theirs = h('div')
    const look = async (): Promise<void> => {
      const { revision } = await api.call('revisions', { query: { limit: 1 }, signal })
      const from = draft.revision ?? 0
      const diff = await api.call('diff', { query: { from, to: revision }, signal })
      fill(theirs, h('h3', {}, `From revision ${from} to ${revision}`), difference(diff))
    }
    const rebase = async (): Promise<void> => {
      const query = { form: 'documents' }
      const { revision, documents = [] } = await api.call('policy', { query, signal })
      draft.rebase(revision, documents)
      say(`Your changed files now stand upon revision ${revision}: plan before you apply.`)
      this.#showFile()
      void this.#check()
    }
    return h(
      'div',
      { class: 'conflict' },
      h('p', {}, 'Someone else has changed the policy since these files were read.'),
      bar(button('What did they change?', look), button('Keep my files upon theirs', rebase)),
      theirs,
    )
  }

  #newFile(): void {
    openDialog({
      title: 'New file',
      fields: [
        {
          name: 'name',
          label: 'Name',
          value: '50-new.yaml',
          hint: 'files are read in the order of their names',
          required: true,
        },
      ],
      submit: 'Make it',
      run: ({ name = '' }) => {
        if (draft.text(name) !== undefined) {
          throw new Problem(0, 'EEXIST', `there is a file ${name} already`)
        }
        draft.put(name, NEW_FILE)
        this.#file = name
        this.#showFile()
      },
    })
  }

  #removeFile(): void {
    if (this.#file === '') return
    draft.remove(this.#file)
    say(`${this.#file} goes when this is applied.`)
    this.#showFile()
    void this.#check()
  }

  async #discard(): Promise<void> {
    draft.discard()
    this.#marks.clear()
    fill(this.#result)
    await this.#read()
    this.#showFile()
  }

  async #schema(): Promise<void> {
    const schema = await this.#context.api.call('policySchema')
    const text = JSON.stringify(schema, undefined, 2)
    fill(
      this.#result,
      h('h2', {}, 'JSON Schema of policy files'),
      h('pre', { class: 'document', tabindex: 0 }, text),
    )
  }
}
