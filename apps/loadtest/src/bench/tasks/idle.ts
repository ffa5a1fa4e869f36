import { setTimeout as delay } from 'node:timers/promises';
import { EventConsumer } from '@events/core';
import { orderType } from '../orders.js';
import { openTransport } from '../sides/library.js';
import { groupName } from '../sides/side.js';
import type { Control } from '../worker/control.js';
import type { IdleJob } from '../worker/job.js';
import { UsageClock } from '../worker/usage-clock.js';

const settleMs = 2_000;

export async function idle(job: IdleJob, control: Control): Promise<void> {
  const transport = await openTransport(job.client, job.url);
  const consumers = Array.from({ length: job.subscriptions }, (_, index) =>
    new EventConsumer({ transport, stream: `quiet-${index}`, group: groupName }).subscribe(orderType, () => {}),
  );
  await Promise.all(consumers.map((consumer) => consumer.start()));
  await delay(settleMs);
  control.ready();
  await control.go();
  const clock = new UsageClock();
  await delay(job.durationMs);
  control.measured(clock.stop());
  await control.finish();
  await Promise.all(consumers.map((consumer) => consumer.stop({ timeoutMs: 0 })));
  await transport.close();
}
