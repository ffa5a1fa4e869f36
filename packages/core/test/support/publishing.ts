import {
  type EventContracts,
  EventPublisher,
  type EventsError,
  type PublisherOptions,
  type PublishReceipt,
} from '../../src/index.js';
import type { StubAppender } from './stub-appender.js';
import { StubTransport } from './stub-transport.js';

/** A publisher on a stub, the stub's appender, and what was logged. */
export interface PublishingStage<Contracts extends EventContracts> {
  readonly publisher: EventPublisher<Contracts>;
  readonly transport: StubTransport;
  readonly appender: StubAppender;
  readonly logged: string[];
}

export function publishing<Contracts extends EventContracts = EventContracts>(
  options: Partial<PublisherOptions<Contracts>> = {},
  retryPolicy: Partial<StubTransport['retryPolicy']> = {},
): PublishingStage<Contracts> {
  const transport = new StubTransport(retryPolicy);
  const logged: string[] = [];
  const log = (message: string) => void logged.push(message);
  const publisher = new EventPublisher<Contracts>({
    transport,
    source: 'tests',
    defaultStream: 'orders',
    logger: { warn: log, error: log },
    ...options,
  });
  return { publisher, transport, appender: transport.appenders[0] as StubAppender, logged };
}

/** What became of a call, once it is settled. */
export interface Fate {
  receipt?: PublishReceipt;
  error?: EventsError;
  /** When it was settled, on the monotonic clock. */
  atMs?: number;
}

/** Watches a call without awaiting it. */
export function fateOf(call: Promise<PublishReceipt>): Fate {
  const fate: Fate = {};
  call.then(
    (receipt) => Object.assign(fate, { receipt, atMs: performance.now() }),
    (error: EventsError) => Object.assign(fate, { error, atMs: performance.now() }),
  );
  return fate;
}

/** A fate in two words: `stored`, `open`, or the outcome and the code of its error. */
export function wordsFor({ receipt, error }: Fate): string {
  if (receipt !== undefined) return 'stored';
  return error === undefined ? 'open' : `${error.outcome} ${error.code}`;
}
