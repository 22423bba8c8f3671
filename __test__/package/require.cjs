const sg = require('session-groups')
const { use } = require('./use.cjs')

use(sg).then(() => console.log('ok'))
