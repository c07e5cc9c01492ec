/** The numbers, all different, of a longest rising subsequence, by patience sorting. */
export function longestRising(numbers: readonly number[]): Set<number> {
  const tails: number[] = []
  const previous = Array.from(numbers, () => -1)
  for (const [index, number] of numbers.entries()) {
    let low = 0
    let high = tails.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (numbers[tails[middle]!]! < number) low = middle + 1
      else high = middle
    }
    previous[index] = low > 0 ? tails[low - 1]! : -1
    tails[low] = index
  }
  const rising = new Set<number>()
  for (let at = tails.at(-1) ?? -1; at >= 0; at = previous[at]!) rising.add(numbers[at]!)
  return rising
}
