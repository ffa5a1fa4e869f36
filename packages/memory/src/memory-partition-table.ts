import type { PartitionTable } from '@events/core';
import type { Line } from './line.js';
import type { MemoryBroker } from './memory-broker.js';
import type { PartitionRecord } from './partition-record.js';

/** What is agreed on about the partitions of one stream in the broker. */
export class MemoryPartitionTable implements PartitionTable {
  readonly #broker: MemoryBroker;
  readonly #line: Line;
  readonly #stream: string;

  constructor(broker: MemoryBroker, line: Line, stream: string) {
    this.#broker = broker;
    this.#line = line;
    this.#stream = stream;
  }

  agree(count: number): Promise<number> {
    return this.#perform((record) => {
      record.count ??= count;
      return record.count;
    });
  }

  change(from: number, to: number): Promise<number> {
    return this.#perform((record) => {
      if (record.count === undefined || record.count === from) record.count = to;
      return record.count;
    });
  }

  announce(group: string, consumer: string, forMs: number): Promise<readonly string[] | undefined> {
    return this.#perform((record) => record.announce(group, consumer, this, this.#broker.now(), forMs));
  }

  withdraw(group: string, consumer: string): Promise<void> {
    return this.#perform((record) => record.withdraw(group, consumer, this));
  }

  close(): Promise<void> {
    return this.#line.close();
  }

  #perform<Result>(act: (record: PartitionRecord) => Result): Promise<Result> {
    return this.#line.perform(() => act(this.#broker.partitions(this.#stream)));
  }
}
