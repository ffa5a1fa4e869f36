// The program of a measured process: does one job and ends.
import type { Control } from './control.js';
import type { Job, WorkerMessage, WorkerOrder } from './job.js';

const orders = new Map<WorkerOrder['name'], (order: WorkerOrder) => void>();

process.on('message', (order: WorkerOrder) => orders.get(order.name)?.(order));
process.on('disconnect', () => process.exit());
process.on('uncaughtException', fail);

function received(name: WorkerOrder['name']): Promise<WorkerOrder> {
  return new Promise((resolve) => orders.set(name, resolve));
}

const goes = received('go');
const finishes = received('finish');

const control: Control = {
  ready: () => tell({ name: 'ready' }),
  go: () => goes.then(() => undefined),
  measured: (result) => tell({ name: 'measured', result }),
  finish: () => finishes.then(() => undefined),
};

function tell(message: WorkerMessage): void {
  process.send?.(message);
}

function fail(error: unknown): void {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.exitCode = 1;
  process.send?.({ name: 'failed', message } satisfies WorkerMessage, () => process.disconnect());
}

/** Loads only what the job needs: the rest would count in its memory. */
async function perform(job: Job): Promise<void> {
  switch (job.task) {
    case 'publish':
      return (await import('../tasks/publish.js')).publish(job, control);
    case 'trim-turns':
      return (await import('../tasks/trim-turns.js')).trimTurns(job, control);
    case 'paced-publish':
      return (await import('../tasks/paced-publish.js')).pacedPublish(job, control);
    case 'consume':
      return (await import('../tasks/consume.js')).consume(job, control);
    case 'idle':
      return (await import('../tasks/idle.js')).idle(job, control);
    case 'flood':
      return (await import('../tasks/flood.js')).flood(job, control);
    case 'troubled-consume':
      return (await import('../tasks/troubled-consume.js')).troubledConsume(job, control);
  }
}

received('job')
  .then((order) => (order.name === 'job' ? perform(order.job) : undefined))
  .then(() => process.disconnect(), fail);
