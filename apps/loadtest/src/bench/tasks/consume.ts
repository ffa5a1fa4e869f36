import type { Order } from '../orders.js';
import { openConsumer } from '../sides/open-side.js';
import type { ReceivedEvent } from '../sides/side.js';
import { percentile } from '../statistics.js';
import type { Control } from '../worker/control.js';
import type { ConsumeJob, ConsumeResult } from '../worker/job.js';
import { nowUs, UsageClock } from '../worker/usage-clock.js';
import { HeapSampler } from './heap-sampler.js';

export async function consume(job: ConsumeJob, control: Control): Promise<void> {
  const side = await openConsumer(job);
  const { warmup, count } = job;
  const total = warmup + count;
  const latencies = new Float64Array(job.latency ? count : 0);
  const sampler = job.heapSamples > 0 ? new HeapSampler(Math.floor(count / job.heapSamples)) : undefined;
  let clock: UsageClock | undefined;
  let handled = 0;
  let checksum = 0;
  const result = await new Promise<ConsumeResult>((resolve, reject) => {
    const handler = (event: ReceivedEvent) => {
      const { sequence, sentAtUs } = event.data as Order;
      if (job.latency && handled >= warmup && handled < total) latencies[handled - warmup] = nowUs() - sentAtUs;
      handled += 1;
      checksum += sequence;
      if (handled === warmup) {
        clock = new UsageClock();
        control.ready();
      }
      if (handled > warmup) sampler?.count();
      if (handled !== total) return;
      const usage = clock?.stop() ?? new UsageClock().stop();
      resolve({ ...usage, ...summary(latencies, sampler), handled, checksum });
    };
    side.start(handler).catch(reject);
  });
  control.measured(result);
  await control.finish();
  await side.close();
  if (handled !== total && sampler === undefined) throw new Error(`${handled} events were handled instead of ${total}`);
}

function summary(latenciesUs: Float64Array, sampler: HeapSampler | undefined) {
  const sorted = latenciesUs.toSorted();
  const at = (fraction: number) => percentile(sorted, fraction) / 1_000;
  return {
    latencyMs: sorted.length === 0 ? undefined : { p50: at(0.5), p99: at(0.99), p999: at(0.999) },
    heapBytes: sampler?.heapBytes ?? [],
    rssSamples: sampler?.rssBytes ?? [],
  };
}
