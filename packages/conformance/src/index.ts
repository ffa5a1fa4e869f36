export type { TestFunction, TransportFaults, TransportHarness } from './harness.js';
export { plainAppending } from './plain-appending.js';
export { transportConformance } from './transport-conformance.js';
