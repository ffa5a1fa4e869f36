import type {
  ConsumerDescription,
  Entry,
  Inspector,
  KeyDescription,
  PendingDescription,
  StreamDescription,
} from '@events/core';
import { highestId, idAfter, parseId, zeroId } from './entry-id.js';
import type { Line } from './line.js';
import type { MemoryBroker } from './memory-broker.js';
import { copyOut } from './stored-fields.js';

/** Looks at the broker's streams. */
export class MemoryInspector implements Inspector {
  readonly #broker: MemoryBroker;
  readonly #line: Line;

  constructor(broker: MemoryBroker, line: Line) {
    this.#broker = broker;
    this.#line = line;
  }

  describe(stream: string): Promise<StreamDescription | undefined> {
    return this.#line.perform(() => this.#broker.stream(stream)?.describe());
  }

  range(stream: string, from: string, to: string, count: number): Promise<readonly Entry[]> {
    return this.#line.perform(() => {
      const first = from === '-' ? zeroId : parseId(from);
      const last = to === '+' ? highestId : parseId(to, 'last');
      const entries = this.#broker.stream(stream)?.log.range(first, last, count) ?? [];
      return entries.map(({ id, fields }) => ({ id, fields: copyOut(fields) }));
    });
  }

  fetch(stream: string, ids: readonly string[]): Promise<readonly Entry[]> {
    return this.#line.perform(() => {
      const log = this.#broker.stream(stream)?.log;
      return ids.map((id) => {
        const fields = log?.find(parseId(id))?.fields;
        return { id, fields: fields === undefined ? null : copyOut(fields) };
      });
    });
  }

  async *keys(prefix: string): AsyncGenerator<readonly KeyDescription[]> {
    yield await this.#line.perform(() =>
      this.#broker
        .streamKeys()
        .filter((key) => key.startsWith(prefix) || key.startsWith(`{${prefix}`))
        .map((key) => ({ key, isStream: true })),
    );
  }

  memory(keys: readonly string[]): Promise<readonly (number | null)[]> {
    return this.#line.perform(() => keys.map((key) => this.#broker.stream(key)?.log.bytes ?? null));
  }

  count(stream: string, from: string, to: string): Promise<number> {
    return this.#line.perform(() => {
      const log = this.#broker.stream(stream)?.log;
      if (log === undefined) return 0;
      const first = from === '-' ? zeroId : parseId(from);
      const last = to === '+' ? highestId : parseId(to, 'last');
      return Math.max(0, log.countBelow(idAfter(last)) - log.countBelow(first));
    });
  }

  pending(
    stream: string,
    group: string,
    after: string,
    count: number,
    consumer: string | undefined,
  ): Promise<readonly PendingDescription[]> {
    return this.#line.perform(() =>
      this.#broker.group(stream, group).listPending(parseId(after), count, consumer, this.#broker.now()),
    );
  }

  consumers(stream: string, group: string): Promise<readonly ConsumerDescription[]> {
    return this.#line.perform(() => {
      const found = this.#broker.group(stream, group);
      return found.listConsumers(this.#broker.ensureStream(stream).life, this.#broker.now());
    });
  }

  close(): Promise<void> {
    return this.#line.close();
  }
}
