// Tests the typings: compiles the programs of __test__/types as each kind of consumer would, and checks the text of
// index.d.ts.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { root, run } from './process.mjs'

const programs = path.join(root, '__test__', 'types')
const require = createRequire(import.meta.url)

/** The kinds of consumers. Their shared strict options are in __test__/types/tsconfig.json. */
const CONSUMERS = [
  { name: 'modules', type: 'module', options: { module: 'nodenext', moduleResolution: 'nodenext' } },
  { name: 'bundler', type: 'module', options: { module: 'esnext', moduleResolution: 'bundler' } },
  {
    name: 'commonjs',
    type: 'commonjs',
    // verbatimModuleSyntax forbids `import` in CommonJS. Node's types are included to detect clashes with ours.
    options: {
      module: 'nodenext',
      moduleResolution: 'nodenext',
      verbatimModuleSyntax: false,
      types: ['node'],
    },
  },
]

/** Returns the counts and a description of the failures. */
export async function testTypes() {
  const results = []
  for (const consumer of CONSUMERS) results.push(...(await compile(consumer)))
  results.push(...inspect(readFileSync(path.join(root, 'index.d.ts'), 'utf8')))
  const failures = results.filter(({ problem }) => problem)
  return {
    passed: results.length - failures.length,
    failed: failures.length,
    output: failures.map(({ test, problem }) => `${test}\n${problem.replace(/^/gm, '  ')}`).join('\n\n'),
  }
}

/** Compiles the programs in a package that has this one installed. */
async function compile({ name, type, options }) {
  const directory = path.join(root, 'target', 'types', name)
  const installed = path.join(directory, 'node_modules', 'session-groups')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(installed, { recursive: true })
  for (const file of ['package.json', 'index.d.ts']) {
    copyFileSync(path.join(root, file), path.join(installed, file))
  }

  const files = readdirSync(programs).filter((file) => /\.c?ts$/.test(file))
  for (const file of files) copyFileSync(path.join(programs, file), path.join(directory, file))
  // `import = require()` does not exist in ES modules for a bundler.
  const included = files.filter((file) => options.module === 'nodenext' || !file.endsWith('.cts'))
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify({ name: `consumer-${name}`, type }))
  writeFileSync(
    path.join(directory, 'tsconfig.json'),
    JSON.stringify({
      extends: path.join(programs, 'tsconfig.json'),
      compilerOptions: options,
      files: included,
      include: [],
    }),
  )

  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const args = [tsc, '--project', directory, '--pretty', 'false']
  const { ok, output } = await run(process.execPath, args, { cwd: directory })
  const errors = ok ? [] : (output.trim() || 'tsc failed').split(/\n(?!\s)/)
  // An error outside the programs, in the typings or the options, fails all of them.
  const tests = included.filter((file) => file !== 'check.ts')
  const common = errors.filter((error) => !tests.some((file) => error.startsWith(`${file}(`)))
  return tests.map((file) => {
    const own = errors.filter((error) => error.startsWith(`${file}(`))
    return { test: `__test__/types/${file} (${name})`, problem: [...own, ...common].join('\n') }
  })
}

/** The exports that are only types. The values are in __test__/types/exports.ts. */
const TYPES = `
  AbortSignalLike Attempt AttemptOutcome BaseEvent BlockedSession BudgetConfig BudgetExceededEvent
  BudgetWarningEvent ClaudeStreamOptions ConcurrencyConfig ConfigGeneratorError Control ControlOptions
  CreateGroupOptions DeleteOptions DependencyResolvedEvent DependencyWaitingEvent EnvSource Err
  EventsOptions ExecutionPlan FeedEntry FeedGapEvent FileGroupRepositoryOptions GroupCause GroupChange
  GroupChangeIterator GroupChanges GroupCompletedEvent GroupConfig GroupContainer GroupCreatedEvent
  GroupDeletedEvent GroupEvent GroupEventEmitter GroupEventMap GroupEventType GroupFailedEvent
  GroupFeedEvent GroupFeedEventMap GroupFeedEventType GroupFeedIterator GroupFileSystem GroupFilter
  GroupPausedEvent GroupProgress GroupProgressEvent GroupRepository GroupResumedEvent GroupSession
  GroupSessionCompletedEvent GroupSessionFailedEvent GroupSessionStartedEvent GroupSort GroupStartedEvent
  GroupStatus GroupStore GroupSummary ManagedProcess Ok PauseOptions PauseReason PlanSource PlannedSession
  ProcessExit ProcessIdentity ProcessManager ProgressSummary RemoveSessionOptions RepositoryProblem Result
  ResumeOptions RetryOptions RunOptions RunnerRecord RunnerState SaveOptions SessionAdoptedEvent
  SessionChanges SessionCompletedEvent SessionConfig SessionConfigResult SessionFailedEvent SessionGroup
  SessionGroupsErrorCode SessionGroupsErrorConstructor SessionInterruptedEvent SessionLimitLiftedEvent
  SessionProgress SessionProgressEvent SessionRetryingEvent SessionStartedEvent SessionStatus
  SessionUnreachableEvent SessionWaitingLimitEvent StopOptions TokenUsage ToolsDeniedEvent
  UnreachableSession WatchOptions Watcher`

function inspect(text) {
  const declared = [...text.matchAll(/^export (?:declare )?(interface|type|class|const|function) (\w+)/gm)]
  const values = declared.filter(([, kind]) => /class|const|function/.test(kind)).map(([, , name]) => name)
  const types = declared.map(([, , name]) => name).filter((name) => !values.includes(name))
  return [
    {
      test: 'index.d.ts has no enum, and no `any` but in the emitter of a manager',
      problem: text
        .replace('emit(type: any, event: any): unknown', '')
        .match(/^(?!\s*[*/]).*\b(?:any|enum)\b.*$/gm)
        ?.join('\n'),
    },
    {
      test: 'index.d.ts exports exactly the documented types',
      problem: difference(types, TYPES.trim().split(/\s+/)),
    },
    {
      test: 'index.d.ts says the range of each number that a program gives',
      problem: withoutRange(text).join('\n'),
    },
    {
      test: 'index.d.ts declares exactly the exports of the addon',
      problem: difference(values, addonExports()),
    },
  ]
}

/** Returns the numbers of options, filters, configurations and sessions whose comments state no range, such as `0 or more`. */
function withoutRange(text) {
  const given = text.matchAll(
    /^export interface (\w*(?:Options|Filter|Config|GroupSession)) [^{]*\{\n(.*?)^\}/gms,
  )
  return [...given].flatMap(([, name, body]) =>
    [...body.matchAll(/\/\*\*((?:(?!\*\/).)*)\*\/\s+readonly (\w+)\??: number/gs)]
      .filter(([, comment]) => !/\d or more|\d to \d/.test(comment))
      .map(([, , field]) => `${name}.${field}`),
  )
}

function addonExports() {
  try {
    return Object.keys(require('../index.js'))
  } catch (error) {
    return [`(${error.message})`]
  }
}

function difference(actual, expected) {
  const missing = expected.filter((name) => !actual.includes(name)).map((name) => `missing: ${name}`)
  const unexpected = actual.filter((name) => !expected.includes(name)).map((name) => `unexpected: ${name}`)
  return [...missing, ...new Set(unexpected)].join('\n')
}
