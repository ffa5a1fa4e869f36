export { exitSuite } from './exit-suite.js';
export { faultsSuite } from './faults-suite.js';
export type { ApplicationClient, TransportKit } from './kit.js';
export { limitsSuite } from './limits-suite.js';
export { optionsSuite } from './options-suite.js';
export { redisHarness } from './redis-harness.js';
export { securitySuite } from './security-suite.js';
export { verbsSuite } from './verbs-suite.js';
