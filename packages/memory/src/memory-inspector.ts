import type { Entry, Inspector, StreamDescription, TrimBound } from '@events/core';
import { highestId, parseId, zeroId } from './entry-id.js';
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

  trim(stream: string, bound: TrimBound): Promise<number> {
    return this.#line.perform(() => this.#broker.stream(stream)?.log.trim(bound) ?? 0);
  }

  close(): Promise<void> {
    return this.#line.close();
  }
}
