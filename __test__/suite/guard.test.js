// Every exported function is guarded: its body is one call of `throwing` or `promise`, which turn a panic into an error.

const { readdirSync, readFileSync } = require('node:fs')
const path = require('node:path')
const sg = require('../..')
const { root } = require('./helpers')

const source = path.join(root, 'src')
const files = readdirSync(source, { recursive: true }).filter((name) => name.endsWith('.rs'))
const camelCase = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase())

/** Returns the functions with the attribute `#[napi]`, each with its class, if any, and its body. */
const functionsIn = (text) => {
  const exported =
    /^( *)#\[napi\b(?:[^\]]|\](?!\n))*\]\n(?: *(?:#\[|\/\/).*\n)*\1pub fn (\w+)(?:.*\n)*?(?:\1\)|.*\)) -> [^{]* \{\n((?:.*\n)*?)\1\}\n/gm
  const classAt = (index) => [...text.slice(0, index).matchAll(/^ *impl (\$?\w+) \{$/gm)].at(-1)?.[1]
  return [...text.matchAll(exported)].map(({ 1: indent, 2: name, 3: body, index }) => ({
    name: (indent && classAt(index) ? `${classAt(index)}.` : '') + camelCase(name),
    indent,
    body,
  }))
}

/** Returns `true` if a body is one expression, a call of the guard. */
const isGuarded = ({ indent, body }) => {
  const lines = body.split('\n').filter((line) => line && !/^ *\/\//.test(line))
  const inner = lines.slice(1, -1)
  const isOne = inner.every((line) => line.startsWith(`${indent}     `)) && /^ *\}?\)$/.test(lines.at(-1))
  return /^ *(throwing|promise)\(.*[^;?]$/.test(lines[0]) && (lines.length === 1 || isOne)
}

/** The functions and classes that the package's own JavaScript uses and does not export. */
const INTERNAL_FUNCTIONS = [
  'beginDeletion',
  'directoryName',
  'initialize',
  'refuseRecordedRunner',
  'requireObject',
  'runnerOf',
  'substituteTemplate',
  'throwAlreadyRunning',
  'throwInvalidArgument',
  'throwInvalidState',
  'throwNotFound',
  'throwProblem',
  'throwUnusableUpdate',
  'unixTime',
]
const INTERNAL_CLASSES = ['ChangeRequest', 'ChangeSource', 'CreationRequest', 'Deletion', 'GroupRun']
const isInternal = (name) =>
  INTERNAL_FUNCTIONS.includes(name) || INTERNAL_CLASSES.some((each) => name.startsWith(`${each}.`))

const found = files.flatMap((file) => functionsIn(readFileSync(path.join(source, file), 'utf8')))

/** Returns a class of the addon: a class itself, or the one that it extends in index.js. */
const native = (value) => {
  const parent = Object.getPrototypeOf(value)
  return parent.prototype ? parent : value
}

/** Returns `false` for a class that is written in JavaScript. */
const isNative = (value) => String(native(value)).includes('[native code]')

/** Returns the methods and getters of the classes, and the functions, by the names that the sources give them. */
const exported = Object.entries(sg)
  .filter(([name, value]) => typeof value === 'function' && !name.endsWith('Error') && isNative(value))
  .flatMap(([name, value]) => {
    const isClass = /^[A-Z]/.test(name)
    const { prototype } = native(value)
    const members = isClass ? Object.getOwnPropertyNames(prototype) : []
    return isClass ? members.map((member) => `${name}.${member === 'constructor' ? 'new' : member}`) : [name]
  })

test('every exported function is found in the sources', () => {
  const shared = found.filter(({ name }) => name.startsWith('$class.')).map(({ name }) => name.slice(7))
  const classes = ['FileGroupRepository', 'InMemoryGroupRepository']
  const names = found.map(({ name }) => name).filter((name) => !name.startsWith('$class.'))
  const all = [...names, ...classes.flatMap((name) => shared.map((method) => `${name}.${method}`))]
  expect(all.filter((name) => !isInternal(name)).sort()).toEqual(exported.sort())
})

test('what is internal is among the functions whose guard is checked', () => {
  const names = found.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(INTERNAL_FUNCTIONS))
  expect(names.filter((name) => name.startsWith('ChangeSource.')).length).toBeGreaterThan(5)
  for (const name of INTERNAL_CLASSES)
    expect(names.filter((each) => each.startsWith(`${name}.`))).not.toEqual([])
})

test.each(found.map((each) => [each.name, each]))('%s is guarded', (_, each) => {
  expect(isGuarded(each)).toBe(true)
})

test('a function without a guard is noticed', () => {
  const unguarded = (body) =>
    functionsIn(`#[napi]\npub fn f(env: Env) -> napi::Result<()> {\n${body}\n}\n`)[0]
  expect(isGuarded(unguarded('    throwing(&env, || Ok(()))'))).toBe(true)
  expect(isGuarded(unguarded('    Ok(())'))).toBe(false)
  expect(isGuarded(unguarded('    let x = 1;\n    throwing(&env, || Ok(()))'))).toBe(false)
  expect(isGuarded(unguarded('    throwing(&env, || Ok(()))?;\n    Ok(())'))).toBe(false)
})
