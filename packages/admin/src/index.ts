export { EventAdmin, type EventAdminOptions, type PendingOptions, type StreamTrim } from './event-admin.js';
export { MemoryMonitor, type MemoryMonitorOptions, type MemoryThreshold } from './memory-monitor.js';
export type {
  GroupLag,
  GroupReport,
  MemoryReport,
  PendingReport,
  StreamMemory,
  StreamReport,
  StreamSummary,
} from './reports.js';
export type { TrimOutcome } from './trim-plan.js';
