export type { MemoryBroker } from './memory-broker.js';
export { MemoryTransport, type MemoryTransportOptions } from './memory-transport.js';
export type { Simulation } from './simulation.js';
