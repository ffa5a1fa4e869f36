import {
  EventPublisher,
  type FailoverRecovered,
  type NewEntry,
  type PublisherOptions,
  type Transport,
} from '@events/core';
import type { EventName } from './audit/event-name.js';
import { placeOf } from './audit/place.js';
import { observe } from './crew/observed-transport.js';

/** How a load publishes: the options of a publisher, or a sender of its own. */
export interface PublisherSettings
  extends Pick<
    PublisherOptions,
    'timeoutMs' | 'retryUnknown' | 'durability' | 'failoverRecovery' | 'idempotent' | 'partitions'
  > {
  readonly transport: Transport;
  readonly stream: string;
  /** Publishes instead of the library. */
  readonly sender?: Sender | undefined;
}

export interface SentEvent extends EventName {
  readonly id: string;
}

/** Publishes events one by one. */
export interface Sender {
  /** Resolves with the place of the entry. */
  send(event: SentEvent): Promise<string>;
  close(): Promise<void>;
}

export interface SenderObserver {
  /** An event was sent and not answered. */
  readonly unanswered: (eventId: string) => void;
  readonly recovered: (recovery: FailoverRecovered) => void;
}

/** The sender that was given, or the library's publisher. */
export function openSender(settings: PublisherSettings, observer: SenderObserver): Sender {
  return settings.sender ?? librarySender(settings, observer);
}

function librarySender({ transport, stream, sender, ...options }: PublisherSettings, observer: SenderObserver): Sender {
  const observed = observe(transport, {
    appended: (entries: readonly NewEntry[], answers) => {
      for (const [index, answer] of answers.entries()) {
        const isUnanswered = typeof answer === 'object' && 'kind' in answer && answer.kind === 'unknown';
        const entry = entries[index];
        if (isUnanswered && entry !== undefined) observer.unanswered(entry.id);
      }
    },
  });
  const publisher = new EventPublisher({
    ...options,
    transport: observed,
    source: 'faults',
    defaultStream: stream,
    trimStrategy: { enabled: false },
  });
  publisher.on('failover', (recovery) => observer.recovered(recovery));
  return {
    async send({ id, key, sequence }) {
      const receipt = await publisher.publish('faults.tested', { sequence }, { key, id });
      return placeOf(receipt.stream, receipt.entryId);
    },
    close: () => publisher.close(),
  };
}
