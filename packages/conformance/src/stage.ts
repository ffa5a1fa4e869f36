import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type {
  FailureKind,
  Fields,
  GroupStart,
  StreamDescription,
  Subscription,
  Transport,
  TrimBound,
} from '@events/core';
import type { TransportFaults, TransportHarness } from './harness.js';
import { patienceMs, until, within } from './patience.js';
import { plainAppending } from './plain-appending.js';
import { outcomeOf } from './verbs/outcome.js';

/** Whom `join` should make a member of what. */
export interface Member {
  readonly group?: string;
  readonly consumer?: string;
  readonly from?: GroupStart;
  readonly transport?: Transport;
}

/** A consumer, and the entries of a stream that it owns. */
export interface Owned {
  readonly stream: string;
  readonly ids: readonly string[];
  readonly subscription: Subscription;
}

/** What a scenario plays on: transports, streams and members of its own, all closed at its end. */
export class Stage {
  readonly faults: TransportFaults;
  /** How many replicas have what the broker has. */
  readonly replicas: number;
  readonly #harness: TransportHarness;
  readonly #run = randomUUID().slice(0, 8);
  readonly #closing: (() => Promise<unknown>)[] = [];
  #transport: Promise<Transport> | undefined;
  #streams = 0;

  constructor(harness: TransportHarness) {
    this.#harness = harness;
    this.faults = harness.faults;
    this.replicas = harness.replicas;
  }

  /** The scenario's own transport. */
  transport(): Promise<Transport> {
    this.#transport ??= this.open();
    return this.#transport;
  }

  /** A further transport, as another process would have it. */
  async open(): Promise<Transport> {
    const transport = await this.#harness.open();
    this.atEnd(() => transport.close());
    return transport;
  }

  /** Has something done at the end of the scenario, the latest first. */
  atEnd(action: () => Promise<unknown>): void {
    this.#closing.push(action);
  }

  /** A stream that nobody else uses. */
  stream(): string {
    this.#streams += 1;
    return `conformance:${this.#run}:${this.#streams}`;
  }

  /** Leaves what `bound` lets stay, read or not. Resolves with how many entries went. */
  async trim(stream: string, bound: TrimBound): Promise<number> {
    const janitor = (await this.transport()).janitor();
    try {
      return (await janitor.trim(stream, { bound, limit: null, isExact: true, keepUnread: null })).removed;
    } finally {
      await janitor.close();
    }
  }

  /** A consumer of a group of `stream`, which is created unless it exists. */
  async join(stream: string, member: Member = {}): Promise<Subscription> {
    const subscription = await this.subscription(stream, member);
    await subscription.ensureGroup(member.from ?? 'beginning');
    return subscription;
  }

  /** The same, without a group. */
  async subscription(stream: string, member: Member = {}): Promise<Subscription> {
    const { group = 'group', consumer = 'consumer', transport = await this.transport() } = member;
    return transport.subscription({ stream, group, consumer });
  }

  /** Stores `count` entries `number 0`, `number 1`, … and resolves with their ids. */
  async fill(stream: string, count: number): Promise<readonly string[]> {
    return this.append(stream, ...Array.from({ length: count }, (_, index) => ['number', String(index)]));
  }

  /** Stores entries with these fields and resolves with their ids. */
  async append(stream: string, ...entries: readonly Fields[]): Promise<readonly string[]> {
    const appender = (await this.transport()).appender(plainAppending);
    const answers = await appender.append(
      entries.map((fields) => ({ stream, id: 'any', fields })),
      patienceMs,
    );
    await appender.close();
    return answers.map((answer) => {
      if (typeof answer === 'string') return answer;
      throw new Error(`An entry was not stored, or answered with more than its id: ${outcomeOf(answer)}`);
    });
  }

  /** A consumer that owns `count` entries, which nobody else has seen. */
  async own(count: number, member: Member = {}): Promise<Owned> {
    const stream = this.stream();
    const ids = await this.fill(stream, count);
    const subscription = await this.join(stream, member);
    assert.equal((await subscription.read(count, 0)).length, count);
    return { stream, ids, subscription };
  }

  /** Has a consumer claim entries that were handed back. */
  async takeReleased(subscription: Subscription, ids: readonly string[]): Promise<void> {
    const claimed = new Set<string>();
    await until('the released entries are claimed', async () => {
      for (const { id } of (await subscription.claim(3_600_000, 10)).entries) claimed.add(id);
      return ids.every((id) => claimed.has(id));
    });
  }

  /** The stream as an inspector sees it. It must exist. */
  async describe(stream: string): Promise<StreamDescription> {
    const inspector = (await this.transport()).inspector();
    const description = await inspector.describe(stream);
    await inspector.close();
    assert.ok(description !== undefined, `there is a stream ${stream}`);
    return description;
  }

  /** What the transport says of the failure that the promise must end with. */
  async failureOf(promise: Promise<unknown>, timeoutMs = patienceMs): Promise<FailureKind> {
    const outcome = promise.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    const rejection = await within(timeoutMs, 'a verb that should fail', outcome);
    assert.ok(rejection !== undefined, 'a verb that should fail resolves');
    return (await this.transport()).classify(rejection.error).kind;
  }

  /** Repeats a verb that fails for now, as after a lost connection, until it succeeds. */
  async persist<T>(verb: () => Promise<T>): Promise<T> {
    const transport = await this.transport();
    const deadline = Date.now() + patienceMs;
    for (;;) {
      try {
        return await verb();
      } catch (error) {
        const { kind, cause } = transport.classify(error);
        const isTransient = kind === 'offline' || kind === 'refused' || kind === 'unknown';
        if (!isTransient || Date.now() > deadline) throw new Error(`The verb goes on failing: ${kind}`, { cause });
      }
      await delay(10);
    }
  }

  /** Undoes the scenario. */
  async end(): Promise<void> {
    for (const action of this.#closing.reverse()) await within(patienceMs, 'closing', action());
  }
}
