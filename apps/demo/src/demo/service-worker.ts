import { HostedService } from './hosted-service.js';
import type { Instruction, Tidings } from './messages.js';
import { openRedis } from './open-redis.js';

const countersEveryMs = 200;

type Start = Extract<Instruction, { kind: 'start' }>;

/** The process of one service: does what the shop says, until it says stop or is gone. */
export function runServiceWorker(): void {
  const running = new Promise<Awaited<ReturnType<typeof start>>>((resolve) => {
    process.on('message', (instruction: Instruction) => {
      if (instruction.kind === 'start') {
        resolve(start(instruction));
        running.then(() => tell({ kind: 'started' }), fail);
      } else if (instruction.kind === 'placeOrders') {
        running.then(({ service }) => service.placeOrders()).then(() => tell({ kind: 'ordersPlaced' }), fail);
      } else {
        running.then(({ stop }) => stop()).then(() => process.disconnect(), fail);
      }
    });
  });
  process.once('disconnect', () => {
    // After a stop nothing is left to do. Otherwise the shop has died, and nobody will tell us to stop.
    running
      .then(({ stop }) => stop())
      .then(
        () => process.exit(),
        () => process.exit(1),
      );
  });
}

async function start({ assignment, redis }: Start) {
  const note = (text: string) => {
    void tell({ kind: 'note', text });
  };
  const transport = await openRedis(redis, (text) => note(`${assignment.role}: ${text}`));
  const service = await HostedService.start(assignment, transport, note);
  const timer = setInterval(() => {
    void tell({ kind: 'counters', counters: service.counters });
  }, countersEveryMs);
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    clearInterval(timer);
    const report = await service.stop();
    await transport.close();
    await tell({ kind: 'stopped', counters: service.counters, report });
  };
  return { service, stop: () => (stopping ??= stop()) };
}

/** Resolves once the message is on its way; a shop that is gone hears nothing. */
function tell(tidings: Tidings): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected) process.send?.(tidings, undefined, {}, () => resolve());
    else resolve();
  });
}

async function fail(error: unknown): Promise<void> {
  await tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error) });
  process.exit(1);
}
