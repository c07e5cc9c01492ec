import type { Answers } from './answers.js'
import type { Api } from './api.js'
import { openDialog } from './dialog.js'
import { reasonField } from './form.js'
import { count } from './format.js'
import { say } from './notices.js'

type Domain = Answers['domain']
type Then = () => unknown

/** Changes the tags that rules may name a domain by. */
export function changeTags(api: Api, { name, tags }: Domain, then: Then): void {
  openDialog({
    title: `Tags of ${name}`,
    fields: [
      { name: 'tags', label: 'Tags', value: tags.join(' '), hint: 'with blanks between them' },
      reasonField,
    ],
    submit: 'Change',
    run: async ({ tags: text = '', reason }) => {
      const body = { tags: text.split(/[\s,]+/).filter(Boolean) }
      const { domain } = await api.call('changeDomain', { params: { name }, body, reason })
      say(`Tags of ${name}: ${domain.tags.join(', ') || 'none'}.`)
      await then()
    },
  })
}

/** Ends all sessions of a domain; it may attach again. */
export function kick(api: Api, { name }: Domain, then: Then): void {
  openDialog({
    title: `Kick ${name}`,
    text: 'All its sessions end. It may attach again.',
    fields: [reasonField],
    submit: 'Kick',
    danger: true,
    run: async ({ reason }) => {
      const answer = await api.call('kickDomain', { params: { name }, body: {}, reason })
      say(`${count(answer.sessions)} sessions of ${name} were ended.`)
      await then()
    },
  })
}

/** Ends all sessions of a domain and lets it attach no more. */
export function quarantine(api: Api, { name }: Domain, then: Then): void {
  openDialog({
    title: `Quarantine ${name}`,
    text: 'All its sessions end, and it can not attach until it is released.',
    fields: [reasonField],
    submit: 'Quarantine',
    danger: true,
    run: async ({ reason }) => {
      await api.call('changeDomain', { params: { name }, body: { enabled: false }, reason })
      say(`${name} is in quarantine.`)
      await then()
    },
  })
}

/** Lets a domain attach again. */
export function release(api: Api, { name }: Domain, then: Then): void {
  openDialog({
    title: `Release ${name}`,
    fields: [reasonField],
    submit: 'Release',
    run: async ({ reason }) => {
      await api.call('changeDomain', { params: { name }, body: { enabled: true }, reason })
      say(`${name} may attach again.`)
      await then()
    },
  })
}

/** Removes a domain with all that is its own. */
export function remove(api: Api, { name }: Domain, then: Then): void {
  openDialog({
    title: `Remove ${name}`,
    text: 'It goes with its tokens, sessions and rings.',
    fields: [reasonField],
    submit: 'Remove',
    danger: true,
    run: async ({ reason }) => {
      await api.call('removeDomain', { params: { name }, reason })
      say(`The domain ${name} is gone.`)
      await then()
    },
  })
}
