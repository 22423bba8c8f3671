// Helpers for the tests that run against every repository.

const sg = require('../../..')
const { freshDir, TIME } = require('.')

/** For `describe.each`: the name of each repository, and a function that creates an empty one. */
const REPOSITORIES = [
  ['FileGroupRepository', () => new sg.FileGroupRepository(freshDir(), { durability: 'process' })],
  ['InMemoryGroupRepository', () => new sg.InMemoryGroupRepository()],
]

/** Fields whose values or order are easily lost when they are stored. */
const TRICKY = {
  10: 'a key that is an index',
  numbers: [1e21, 0.1, 10, 1e-7, 123456789012345680000, -0.5, 0],
  empty: [{}, [], '', null],
  text: 'U+2028 \u2028, U+2029 \u2029, emoji 😀, lone \ud800 and \udfff, NUL \u0000, quote " and \\',
  '\ud800': 'a key that is a lone surrogate',
  nested: { b: { a: [[[{ deep: true }]]] }, a: 1 },
  // Spread from JSON, as a literal would set the prototype.
  ...JSON.parse('{"__proto__":"a property like any other"}'),
}

/** Returns the time of the fixtures plus a number of minutes. */
const later = (minutes) => new Date(Date.parse(TIME) + minutes * 60_000).toISOString()

module.exports = { REPOSITORIES, TRICKY, later }
