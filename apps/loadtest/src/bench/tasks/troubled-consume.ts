import { setTimeout as delay } from 'node:timers/promises';
import { LibraryConsumer } from '../sides/library.js';
import type { Control } from '../worker/control.js';
import type { TroubledConsumeJob } from '../worker/job.js';
import { UsageClock } from '../worker/usage-clock.js';
import { PeakMemory } from './peak-memory.js';

export async function troubledConsume(job: TroubledConsumeJob, control: Control): Promise<void> {
  const { claimIdleMs, handlerTimeoutMs } = job;
  const consumer = await LibraryConsumer.open(job.client, job.url, { tuning: { claimIdleMs, handlerTimeoutMs } });
  let started = 0;
  const behaviours = {
    works: () => undefined,
    hangs: () => new Promise(() => {}),
    fails: () => {
      throw new Error('this handler always fails');
    },
  };
  const behave = behaviours[job.handler];
  const memory = new PeakMemory();
  const clock = new UsageClock();
  await consumer.start(() => {
    started += 1;
    return behave();
  });
  control.ready();
  await control.go();
  await delay(job.durationMs);
  control.measured({ ...clock.stop(), ...memory.stop(), started });
  await control.finish();
  await consumer.close();
}
