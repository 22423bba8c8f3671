const sg = require('session-groups')
const { use } = require('./use.cjs')

test('the package is of use under a test runner', () => use(sg))

test('what it throws is an Error here, too', () => {
  expect(() => sg.calculateBudgetUsage(Number.NaN, 1)).toThrow(sg.SessionGroupsError)
})
