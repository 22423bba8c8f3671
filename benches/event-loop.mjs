// Measures how long the package blocks the event loop. Only `JSON.parse` of the result should block it.

import path from 'node:path'
import { FileGroupRepository } from 'session-groups'
import { makeStore } from './groups.mjs'
import { median, timed } from './timing.mjs'

const GROUPS = 10_000

/** Returns the longest block while 10,000 groups are listed, and the time that `JSON.parse` of them takes. */
export async function eventLoop(directory) {
  const base = path.join(directory, 'many-groups')
  makeStore(base, GROUPS)
  const repository = new FileGroupRepository(base)
  let groups
  const blocks = [
    await longestBlock(async () => {
      groups = await repository.list()
    }),
  ]
  const text = JSON.stringify(groups)
  groups = undefined
  const parses = []
  for (let round = 0; round < 5; round += 1) {
    parses.push(await timed(() => JSON.parse(text)))
    blocks.push(await longestBlock(() => repository.list()))
  }
  return { block: median(blocks), parse: median(parses), count: await longestBlock(() => repository.count()) }
}

async function longestBlock(work) {
  let longest = 0
  let last = performance.now()
  const look = () => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  const timer = setInterval(look, 1)
  await new Promise((resolve) => setTimeout(resolve, 5))
  longest = 0
  await work()
  look()
  clearInterval(timer)
  return longest
}
