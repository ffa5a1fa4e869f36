import type { AppenderOptions, Capabilities } from '@events/core';
import { RedisAppender } from '../src/appender.js';
import type { Connection } from '../src/connection.js';
import type { Command } from '../src/connector.js';
import type { Shard } from '../src/shard.js';

export const leader: AppenderOptions = { durability: { level: 'leader' }, idempotency: undefined };

/** A connection whose server is the test: it answers each exchange with what `answer` makes of it. */
export class FakeConnection implements Connection {
  readonly generation = 1;
  shard: Shard | undefined;
  readonly exchanges: (readonly Command[])[] = [];
  readonly budgets: number[] = [];
  suspicions = 0;
  renewals = 0;
  answer: (commands: readonly Command[]) => readonly unknown[] | Promise<readonly unknown[]>;

  constructor(answer: FakeConnection['answer']) {
    this.answer = answer;
  }

  /** The names of the commands that were sent, one list for each write. */
  get plan(): readonly (readonly string[])[] {
    return this.exchanges.map((commands) => commands.map(([name]) => String(name)));
  }

  async exchange(commands: readonly Command[], withinMs: number): Promise<readonly unknown[]> {
    this.exchanges.push(commands);
    this.budgets.push(withinMs);
    return this.answer(commands);
  }

  async command(command: Command, withinMs: number): Promise<unknown> {
    return (await this.exchange([command], withinMs))[0];
  }

  async opened(): Promise<void> {}

  renew(): void {
    this.renewals += 1;
  }

  suspect(): void {
    this.suspicions += 1;
  }
}

interface FakeParts {
  readonly options: AppenderOptions;
  readonly mode?: 'auto' | 'script';
  readonly capabilities?: () => Promise<Partial<Capabilities>>;
  readonly connectionOf?: (stream: string | undefined) => Connection;
}

/** An appender on connections of the test. */
export function appenderOn(connection: Connection, parts: FakeParts): RedisAppender {
  const { options, mode = 'auto', capabilities = async () => ({ commands: {} }), connectionOf } = parts;
  return new RedisAppender({
    writer: {
      connection: (stream) => connectionOf?.(stream) ?? connection,
      connectionTo: () => connection,
      release: () => {},
    },
    mode,
    options,
    capabilities: capabilities as () => Promise<Capabilities>,
    onClose: () => {},
  });
}
