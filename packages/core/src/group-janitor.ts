import type { ConsumerSettings } from './consumer-options.js';
import { FailureEpisodes } from './failure-episodes.js';
import type { GroupState, Janitor } from './janitor.js';
import { manyWaiters, sleep } from './sleep.js';
import type { EmitConsumerEvent } from './stream-session.js';

const usuallyMs = 10_000;
const firstLookMs = 1_000;
/** Where one consumer reads very many streams, each is looked at the more seldom. */
const msPerStream = 50;
/** Signs of life come every three seconds, from a process that has its turn now and then. */
const leastSilenceMs = 10_000;

/** Removes what nobody uses from the groups of a consumer's streams. Of all consumers of a stream one at a time looks. */
export class GroupJanitor {
  readonly #settings: ConsumerSettings;
  readonly #emit: EmitConsumerEvent;
  readonly #episodes: FailureEpisodes;
  readonly #streams: readonly string[];
  readonly #everyMs: number;
  readonly #ending = manyWaiters();
  #janitor: Janitor | undefined;
  #running: Promise<void> | undefined;

  constructor(settings: ConsumerSettings, emit: EmitConsumerEvent) {
    const { transport, streams, partitioned, partitionLeaseMs } = settings;
    this.#settings = settings;
    this.#emit = emit;
    this.#episodes = new FailureEpisodes(transport, `for group '${settings.group}'`, (error) => emit('error', error));
    const owned = partitionLeaseMs === undefined ? [] : partitioned.flatMap(({ partitions }) => partitions);
    this.#streams = [...streams, ...owned].map(({ stream }) => stream);
    this.#everyMs = Math.max(usuallyMs, this.#streams.length * msPerStream);
  }

  start(): void {
    this.#janitor = this.#settings.transport.janitor();
    this.#running = this.#run(this.#janitor);
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#running;
    await this.#janitor?.close();
  }

  async #run(janitor: Janitor): Promise<void> {
    for (let waitMs = firstLookMs; ; waitMs = this.#everyMs) {
      await sleep(waitMs * (0.8 + Math.random() * 0.4), this.#ending.signal);
      for (const stream of this.#streams) {
        if (this.#ending.signal.aborted || !(await this.#mayGoOn(janitor, stream))) return;
      }
      if (this.#ending.signal.aborted) return;
    }
  }

  /** Looks after one stream. Resolves with `false` when there is no sense in looking again. */
  async #mayGoOn(janitor: Janitor, stream: string): Promise<boolean> {
    const what = `remove unused groups and consumers of '${stream}'`;
    try {
      await this.#tend(janitor, stream);
      this.#episodes.succeeded(what);
      return true;
    } catch (error) {
      const { kind } = this.#episodes.failed(what, error, (failure) => failure.kind === 'closed');
      return kind !== 'closed' && kind !== 'denied';
    }
  }

  async #tend(janitor: Janitor, stream: string): Promise<void> {
    // as long as it is renewed at every look, with time to spare
    if (!(await janitor.takeTurn(stream, 'groups', this.#everyMs * 1.5))) return;
    const state = await janitor.survey(stream);
    for (const group of state?.groups ?? []) {
      if (this.#ending.signal.aborted) return;
      await this.#tendGroup(janitor, stream, group);
    }
  }

  async #tendGroup(janitor: Janitor, stream: string, group: GroupState): Promise<void> {
    const { group: own, claimIdleMs, unusedGroupIdleMs } = this.#settings;
    const { name, silentMs, pending } = group;
    if (name === own) {
      // what a consumer left is claimed first, after claimIdleMs
      await this.#removeConsumers(janitor, stream, group, Math.max(2 * claimIdleMs, leastSilenceMs));
      return;
    }
    if (unusedGroupIdleMs === undefined || silentMs < unusedGroupIdleMs) return;
    await this.#removeConsumers(janitor, stream, group, unusedGroupIdleMs);
    // whether everything was read is for the server to say, in the step that removes it
    if (pending > 0 || (await janitor.removeGroup(stream, name, unusedGroupIdleMs)) !== 'removed') return;
    this.#emit('groupRemoved', { stream, group: name, silentMs });
  }

  async #removeConsumers(janitor: Janitor, stream: string, group: GroupState, idleMs: number): Promise<void> {
    for (const { name, pending, silentMs } of group.consumers) {
      if (pending > 0 || silentMs < idleMs) continue;
      if ((await janitor.removeConsumer(stream, group.name, name, idleMs)) !== 'removed') continue;
      this.#emit('consumerRemoved', { stream, group: group.name, consumer: name, silentMs });
    }
  }
}
