import type { PortChange } from './pair-diff.js'
import type { Block } from './party-classes.js'
import type { Party } from './parties.js'

/** Pairs of parties: each of one block with each of another. */
export type Pairs = readonly [from: Block, to: Block]

/** A change that holds for pairs of parties. */
export interface Entry {
  readonly change: PortChange
  readonly pairs: Pairs
  /** Some of these pairs for which it does not hold; they may lie over each other. */
  readonly except: Pairs[]
}

/** A change, and all for whom it holds, as labels of parties. */
export interface LabelledChange extends PortChange {
  /** Who sends. */
  readonly from: readonly string[]
  readonly to: readonly string[]
  /** Pairs among these for whom it does not hold. */
  readonly except?: readonly LabelledPairs[]
}

export interface LabelledPairs {
  readonly from: readonly string[]
  readonly to: readonly string[]
}

/** Each of some blocks with each of others. */
interface Product {
  readonly from: readonly Block[]
  readonly to: readonly Block[]
}

/** Of a change, and for whom it does not hold. */
interface Excepting extends Product {
  readonly except: readonly Pairs[]
}

/** A change is told apart into so many that have no exceptions, at most. */
const SEPARATED_SENDERS_MAX = 8

/**
 * Says the same with fewer changes, each for more pairs.
 * @param parties in the order in which they are listed.
 * @param separatedMax a change about more parties keeps its exceptions.
 */
export function mergeEntries(
  entries: readonly Entry[],
  parties: readonly Party[],
  separatedMax: number,
): LabelledChange[] {
  return new Merging(parties, separatedMax).merge(entries)
}

class Merging {
  readonly #separatedMax: number
  readonly #indexes: ReadonlyMap<Party, number>
  readonly #ids = new Map<Block, number>()
  readonly #blocks: ReadonlyMap<Party, Block>
  /** Lists may be long, and many changes have the same. */
  readonly #labels = new Map<string, readonly string[]>()

  constructor(parties: readonly Party[], separatedMax: number) {
    this.#separatedMax = separatedMax
    this.#blocks = new Map(parties.map(party => [party, { parties: [party] }]))
    this.#indexes = new Map(parties.map((party, index) => [party, index]))
  }

  merge(entries: readonly Entry[]): LabelledChange[] {
    const byChange = new Map<PortChange, Entry[]>()
    for (const entry of entries) push(byChange, entry.change, entry)
    const found = [...byChange].flatMap(([change, group]) =>
      this.#products(group).flatMap(({ product, of }) => {
        const except = of.flatMap(entry => entry.except)
        return this.#separated(product, except).map(each => ({ change, each }))
      }),
    )
    // As the parties are: what is about many has the first of them.
    const first = ({ from, to }: Product): [number, number] => [this.#first(from), this.#first(to)]
    const inOrder = found.map(item => ({ ...item, at: first(item.each) }))
    inOrder.sort(({ at: a }, { at: b }) => a[0] - b[0] || a[1] - b[1])
    return inOrder.map(({ change, each }) => this.#labelled(change, each))
  }

  /** Joins what has the same senders, and then what has the same receivers. */
  #products<T extends { readonly pairs: Pairs }>(
    items: readonly T[],
  ): { readonly product: Product; readonly of: readonly T[] }[] {
    const bySender = new Map<Block, T[]>()
    for (const item of items) push(bySender, item.pairs[0], item)
    const byReceivers = new Map<string, (readonly [Block, readonly T[]])[]>()
    for (const row of bySender)
      push(byReceivers, this.#key(row[1].map(({ pairs }) => pairs[1])), row)
    return [...byReceivers.values()].map(rows => ({
      product: { from: rows.map(([from]) => from), to: rows[0]![1].map(({ pairs }) => pairs[1]) },
      of: rows.flatMap(([, of]) => of),
    }))
  }

  /** Takes the exceptions out where few senders have any. */
  #separated(product: Product, except: readonly Pairs[]): Excepting[] {
    if (except.length === 0) return [{ ...product, except }]
    const from = product.from.flatMap(({ parties }) => parties)
    const to = product.to.flatMap(({ parties }) => parties)
    const senders = new Set(except.map(([sender]) => sender))
    if (senders.size > SEPARATED_SENDERS_MAX || from.length + to.length > this.#separatedMax) {
      // Where all are single pairs they are different ones; else somebody is left that nobody names.
      const single = except.filter(pairs => pairs.every(({ parties }) => parties.length === 1))
      return single.length === from.length * to.length ? [] : [{ ...product, except }]
    }
    const groups = new Map<string, { from: Block[]; to: readonly Block[] }>()
    for (const sender of from) {
      const others = new Set(
        except.flatMap(([{ parties }, not]) => (parties.includes(sender) ? not.parties : [])),
      )
      const rest = to.filter(party => !others.has(party)).map(party => this.#blockOf(party))
      const key = this.#key(rest)
      const group = groups.get(key)
      if (group !== undefined) group.from.push(this.#blockOf(sender))
      else if (rest.length > 0) groups.set(key, { from: [this.#blockOf(sender)], to: rest })
    }
    return [...groups.values()].map(group => ({ ...group, except: [] }))
  }

  #labelled(change: PortChange, { from, to, except }: Excepting): LabelledChange {
    const labelled = ({ product }: { product: Product }): LabelledPairs => ({
      from: this.#labelsOf(product.from),
      to: this.#labelsOf(product.to),
    })
    return {
      ...labelled({ product: { from, to } }),
      ...change,
      ...(except.length > 0 && {
        except: this.#products(except.map(pairs => ({ pairs }))).map(labelled),
      }),
    }
  }

  #labelsOf(blocks: readonly Block[]): readonly string[] {
    const key = this.#key(blocks)
    let labels = this.#labels.get(key)
    if (labels === undefined) {
      const indexOf = (party: Party): number => this.#indexes.get(party)!
      const parties = blocks.flatMap(block => block.parties)
      labels = parties.sort((a, b) => indexOf(a) - indexOf(b)).flatMap(party => party.labels)
      this.#labels.set(key, labels)
    }
    return labels
  }

  /** The place of the first party; those of a block are in order. */
  #first(blocks: readonly Block[]): number {
    return blocks.reduce(
      (least, { parties }) => Math.min(least, this.#indexes.get(parties[0]!)!),
      Infinity,
    )
  }

  #key(blocks: readonly Block[]): string {
    return blocks.map(block => this.#idOf(block)).join()
  }

  #idOf(block: Block): number {
    let id = this.#ids.get(block)
    if (id === undefined) this.#ids.set(block, (id = this.#ids.size))
    return id
  }

  #blockOf(party: Party): Block {
    return this.#blocks.get(party)!
  }
}

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}
