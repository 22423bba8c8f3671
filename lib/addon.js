// Loads the addon: the binary of this platform.

const { noBinary } = require('./no-binary.js')

module.exports = loadBinding()

function loadBinding() {
  try {
    return require('../binding.js')
  } catch (error) {
    const attempts = causes(error)
    const binding = loadForMusl(attempts)
    if (!binding) throw noBinary('binary', attempts)
    return binding
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
      return require('../session-groups.linux-x64-musl.node')
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
      return require('../session-groups.linux-arm64-musl.node')
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
