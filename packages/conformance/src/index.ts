export type { TestFunction, TransportFaults, TransportHarness } from './harness.js';
export { plainAppending } from './plain-appending.js';
export { transportConformance } from './transport-conformance.js';
export { validatorConformance } from './validator-conformance.js';
export type { PlainOrder, StrictShape, ValidatorHarness } from './validators/harness.js';
