import type { NewEntry } from '@events/core';
import type { ConsumerGroup } from './consumer-group.js';
import { MemoryError } from './memory-error.js';
import { MemoryStream } from './memory-stream.js';
import { Simulation } from './simulation.js';
import { copyIn } from './stored-fields.js';
import { Wire } from './wire.js';

/** What stands in for the server: the streams, and the one wire over which every transport reaches them. */
export class MemoryBroker {
  readonly wire = new Wire();
  readonly simulation = new Simulation(this);
  readonly #clock: () => number;
  readonly #streams = new Map<string, MemoryStream>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** The server's time in Unix ms. */
  now(): number {
    return this.#clock();
  }

  stream(key: string): MemoryStream | undefined {
    return this.#streams.get(key);
  }

  ensureStream(key: string): MemoryStream {
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = new MemoryStream();
      this.#streams.set(key, stream);
    }
    return stream;
  }

  /** The group, or the error that there is none. */
  group(key: string, name: string): ConsumerGroup {
    const group = this.#streams.get(key)?.group(name);
    if (group === undefined) throw new MemoryError('group-lost', `There is no group ${name} of ${key}`);
    return group;
  }

  /** Stores an entry, and lets those who wait for one have it. */
  store({ stream: key, fields }: NewEntry): string {
    const copy = copyIn(fields);
    const stream = this.ensureStream(key);
    const id = stream.log.append(copy, this.now());
    stream.wakeReads(this.now());
    return id;
  }

  /** Loses everything, as FLUSHALL does. */
  forget(): void {
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const stream of streams) stream.failReads(new MemoryError('group-lost', 'The stream is gone'));
  }
}
