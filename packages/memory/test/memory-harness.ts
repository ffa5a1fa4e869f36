import { setTimeout as delay } from 'node:timers/promises';
import type { TransportHarness } from '@events/conformance';
import { plainAppending } from '@events/conformance';
import { MemoryTransport, type MemoryTransportOptions } from '@events/memory';

/** A broker of its own, and all that can happen to it. */
export function memoryHarness(): TransportHarness {
  const options: MemoryTransportOptions = { deadlineMs: 300 };
  const first = new MemoryTransport(options);
  const appender = first.appender(plainAppending);
  return {
    name: 'memory',
    replicas: 0,
    open: () => new MemoryTransport({ ...options, broker: first.broker }),
    faults: {
      killConnections: () => first.simulate.cut(),
      async restart() {
        first.simulate.offline();
        await delay(50);
        first.simulate.online();
      },
      freeze: () => first.simulate.freeze(),
      thaw: () => first.simulate.thaw(),
      loseEverything: () => first.simulate.forget(),
      async putForeignEntry(stream, fields) {
        const [answer] = await appender.append([{ stream, id: 'any', fields }], 1_000);
        if (typeof answer !== 'string') throw new Error(`Not stored: ${JSON.stringify(answer)}`);
        return answer;
      },
    },
    close: () => first.close(),
  };
}
