import type { Usage } from './job.js';

/** How a task speaks with the process that started it. */
export interface Control {
  /** The warm-up is over. */
  ready(): void;
  /** Resolves when the measured part may begin. */
  go(): Promise<void>;
  measured<Result extends Usage>(result: Result): void;
  /** Resolves when the results are taken and connections may be closed. */
  finish(): Promise<void>;
}
