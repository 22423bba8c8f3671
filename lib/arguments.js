// Arguments that are objects with methods of JavaScript.

const { requireObject, throwInvalidArgument, throwProblem } = require('./addon.js')

/** Throws unless a value has methods. */
exports.requireMethods = function requireMethods(field, value, methods) {
  const missing = methods.find((method) => typeof value?.[method] !== 'function')
  if (!missing) return
  if (typeof value === 'object' && value !== null) throwProblem(field, `lacks the method ${missing}`)
  throwInvalidArgument(field, `an object with the method ${missing}`, value)
}

/** Throws unless a value is one of several. */
exports.requireOneOf = function requireOneOf(field, value, values) {
  if (!values.includes(value)) throwInvalidArgument(field, `one of ${values.join(', ')}`, value)
}

/** Throws unless options are an object that has only known ones. Returns them; an empty object for `undefined`. */
exports.optionsOf = function optionsOf(options, known) {
  if (options === undefined) return {}
  requireObject('options', options)
  for (const key in options) {
    if (options[key] !== undefined && !known.includes(key))
      throwProblem(key, `is unknown. Known are ${known.join(', ')}`)
  }
  return options
}
