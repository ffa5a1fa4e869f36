export type { TestFunction, TransportFaults, TransportHarness } from './harness.js';
export { transportConformance } from './transport-conformance.js';
