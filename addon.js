// Loads the addon: the binary of this platform.

module.exports = loadBinding()

function loadBinding() {
  try {
    return require('./binding.js')
  } catch (error) {
    const attempts = causes(error)
    return loadForMusl(attempts) ?? throwNoBinary(attempts)
  }
}

/** Returns the errors of the attempts to load a binary, the first attempt first. */
function causes(error) {
  const errors = []
  for (let cause = error.cause; cause; cause = cause.cause) errors.unshift(cause)
  return errors.length > 0 ? errors : [error]
}

/**
 * Loads the binary for musl where the generated loader has looked for the one for glibc. It recognizes musl by `ldd`, or by the
 * libraries in Node's report; a Bun image of Alpine has neither.
 */
function loadForMusl(attempts) {
  if (process.platform !== 'linux' || process.env.NAPI_RS_NATIVE_LIBRARY_PATH) return undefined
  // Bundlers need each path written out, in a `try` of its own.
  if (process.arch === 'x64') {
    try {
      return require('./session-groups.linux-x64-musl.node')
    } catch (error) {
      attempts.push(error)
    }
    try {
      return require('session-groups-linux-x64-musl')
    } catch (error) {
      attempts.push(error)
    }
  }
  if (process.arch === 'arm64') {
    try {
      return require('./session-groups.linux-arm64-musl.node')
    } catch (error) {
      attempts.push(error)
    }
    try {
      return require('session-groups-linux-arm64-musl')
    } catch (error) {
      attempts.push(error)
    }
  }
  return undefined
}

function throwNoBinary(attempts) {
  const lines = attempts.map(({ message }) => String(message).split('\n')[0])
  // The generated loader also tries a WebAssembly build, which this package does not have.
  const native = [...new Set(lines)].filter((line) => !line.includes('wasi'))
  const error = new Error(
    `session-groups found no binary that runs on ${process.platform} ${process.arch}:\n` +
      native.map((line) => `- ${line}\n`).join('') +
      'It comes as an optional dependency for Linux (glibc 2.17 or newer, musl), macOS and Windows, each on x64 and arm64: ' +
      'install again without --omit=optional (--no-optional), on the system where it is to run. A tarball of a checkout ' +
      'has the binary of one system only. For any other, "From source" in the README says how to build it.',
  )
  error.code = 'SESSION_GROUPS_NO_BINARY'
  const failed = attempts.filter(({ message }) => !/^Cannot find (module|package)/.test(message))
  if (failed.length > 0) error.cause = failed.at(-1)
  throw error
}
