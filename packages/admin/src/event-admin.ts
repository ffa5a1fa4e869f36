import {
  ClosedError,
  checkKeys,
  checkMemberName,
  checkPrefix,
  checkStreamValidation,
  checkTransport,
  companionKey,
  compareEntryIds,
  flag,
  type GroupLoss,
  GroupNotFoundError,
  type GroupState,
  type Inspector,
  type Janitor,
  OptionsError,
  retryOperation,
  StreamNotFoundError,
  type StreamState,
  type StreamValidation,
  streamKey,
  type Transport,
  type TrimDecision,
  type Trimmed,
  type TrimPolicy,
  type TrimStrategy,
  toError,
  trimPolicyOf,
  UnsupportedError,
  wholeNumber,
} from '@events/core';
import type {
  GroupLag,
  GroupReport,
  MemoryReport,
  PendingReport,
  StreamMemory,
  StreamReport,
  StreamSummary,
} from './reports.js';
import { idAfter, partitionIn, roleOf } from './stream-keys.js';
import { byGroup, keepers, phasesOf, planTrim, releasedGroups, type TrimOutcome, type TrimPhase } from './trim-plan.js';

export interface EventAdminOptions {
  /** How the server is reached. Closing the admin leaves it usable for others. */
  readonly transport: Transport;
  /** The environment: nothing outside it is seen or touched. Default: none, and everything is seen. */
  readonly streamPrefix?: string | undefined;
  /** Which stream names may be used. Default: `true`, the built-in rules. */
  readonly streamValidation?: StreamValidation | undefined;
}

/** Which pending entries to list. */
export interface PendingOptions {
  /** How many at most. Default: 100. */
  readonly count?: number | undefined;
  /** Those with ids after this one. Default: from the first. */
  readonly after?: string | undefined;
  /** Those of one consumer. Default: of all. */
  readonly consumer?: string | undefined;
  /** Which partition, of a stream that has some. */
  readonly partition?: number | undefined;
}

/** What became of one stream, or one partition of it. */
export interface StreamTrim extends TrimOutcome {
  readonly partition: number | undefined;
}

const stepLimit = 1_000;
const keysPerQuestion = 500;

/**
 * Looks into the streams of one environment, trims them by hand, and says for which prefixes a server is.
 *
 * Every method rejects with `TransportError`, `PermissionError` or `ClosedError` where the server, its rights, or a
 * closed transport stand against it. Looking at groups records a first sign of life for those that have none.
 */
export class EventAdmin {
  readonly #transport: Transport;
  readonly #prefix: string | undefined;
  readonly #validation: StreamValidation;
  readonly #inspector: Inspector;
  readonly #janitor: Janitor;
  readonly #closing = new AbortController();

  /** @throws OptionsError for options that cannot work */
  constructor(options: EventAdminOptions) {
    checkKeys('EventAdmin', options, ['transport', 'streamPrefix', 'streamValidation']);
    const { transport, streamPrefix, streamValidation = true } = options;
    checkTransport('EventAdmin', transport);
    if (streamPrefix !== undefined) checkPrefix(streamPrefix);
    checkStreamValidation(streamValidation);
    this.#transport = transport;
    this.#prefix = streamPrefix;
    this.#validation = streamValidation;
    this.#inspector = transport.inspector();
    this.#janitor = transport.janitor();
  }

  /** All streams, dead letters among them, sorted by key. On Redis every key of the server is looked at (SCAN). */
  async streams(): Promise<readonly StreamSummary[]> {
    const found = (await this.#keys()).filter(({ isStream }) => isStream);
    const bytes = await this.#memoryOf(found.map(({ key }) => key));
    const summaries = found.map(async ({ key, owner, companion }, index): Promise<StreamSummary | undefined> => {
      const description = await this.#run(`Could not look at '${key}'`, () => this.#inspector.describe(key));
      if (description === undefined) return undefined;
      const { length, groups } = description;
      const kind = companion === undefined ? 'events' : 'deadLetters';
      return { ...this.#placeOf(owner), kind, key, length, groups: groups.length, bytes: bytes[index] ?? null };
    });
    const all = await Promise.all(summaries);
    return all.filter((each) => each !== undefined).sort((one, other) => (one.key < other.key ? -1 : 1));
  }

  /** A stream with its groups and consumers; one report for each partition. @throws StreamNotFoundError */
  async describe(stream: string): Promise<readonly StreamReport[]> {
    const keys = await this.#keysOf(stream);
    const beside = await this.#keys();
    return Promise.all(
      keys.map(async (key) => {
        const companions = beside.filter(({ owner, companion }) => owner === key && companion !== undefined);
        const [state, [bytes = null, ...companionBytes], letters, description] = await Promise.all([
          this.#survey(key),
          this.#memoryOf([key, ...companions.map((each) => each.key)]),
          this.#run(`Could not look at the dead letters of '${key}'`, () =>
            this.#inspector.describe(companionKey(key, 'dlq')),
          ),
          this.#run(`Could not look at '${key}'`, () => this.#inspector.describe(key)),
        ]);
        const { length, firstEntryId, lastGeneratedId } = state;
        const groups = await Promise.all(
          state.groups.map((group) => this.#groupReport(state, group, lagIn(description, group.name))),
        );
        const place = { ...this.#placeOf(key), key, length, bytes, firstEntryId, lastGeneratedId };
        return { ...place, groups, deadLetters: letters?.length ?? 0, companionBytes: sumOf(companionBytes) };
      }),
    );
  }

  /** How far each group is, in each partition. @throws StreamNotFoundError */
  async lag(stream: string): Promise<readonly GroupLag[]> {
    const reports = await this.describe(stream);
    return reports.flatMap(({ groups }) =>
      groups.map(({ group, partition, lag, lagMs, pending }) => ({ group, partition, lag, lagMs, pending })),
    );
  }

  /** Pending entries of a group, oldest first. @throws StreamNotFoundError, GroupNotFoundError */
  async pending(stream: string, group: string, options: PendingOptions = {}): Promise<readonly PendingReport[]> {
    checkKeys('pending', options, ['count', 'after', 'consumer', 'partition']);
    checkMemberName('group', group);
    const count = wholeNumber('count', options.count, 100, { min: 1, max: 10_000 });
    const { after = '0-0', consumer, partition } = options;
    if (!/^\d{1,20}-\d{1,20}$/.test(after)) throw new OptionsError(`after must be an entry id, not '${after}'`);
    const key = await this.#partKeyOf(stream, partition);
    const { groups } = await this.#survey(key);
    if (!groups.some(({ name }) => name === group)) {
      throw new GroupNotFoundError(`'${key}' has no group '${group}'. Its groups: ${namesOf(groups)}`);
    }
    const found = await this.#run(`Could not list what is pending in '${group}' of '${key}'`, () =>
      this.#inspector.pending(key, group, after, count, consumer),
    );
    return found.map(({ id, ...rest }) => ({ entryId: id, ...rest }));
  }

  /**
   * Trims a stream once, each of its partitions, exactly to what `strategy` says: the same as a publisher's
   * `trimStrategy`. Groups that have been silent for `maxGroupIdleMs` hold nothing back, unannounced. With `dryRun` it
   * removes nothing and answers what would go, which it finds out by reading that.
   *
   * @throws StreamNotFoundError, OptionsError for a strategy that says nothing
   */
  async trim(
    stream: string,
    strategy: TrimPolicy | TrimStrategy,
    options: { readonly dryRun?: boolean } = {},
  ): Promise<readonly StreamTrim[]> {
    checkKeys('trim', options, ['dryRun']);
    const isDryRun = flag('dryRun', options.dryRun, false);
    const policy = trimPolicyOf(strategy);
    if (typeof policy !== 'function') throw new OptionsError('trim needs a policy, or a strategy that is enabled');
    const trims: StreamTrim[] = [];
    for (const key of await this.#keysOf(stream)) {
      const state = await this.#survey(key);
      const phases = phasesFor(policy, state);
      const outcome = isDryRun
        ? await this.#run(`Could not look at '${key}'`, () => planTrim(this.#inspector, state, phases))
        : await this.#trim(state, phases);
      trims.push({ ...outcome, partition: this.#placeOf(key).partition });
    }
    return trims;
  }

  /**
   * How much memory each stream takes, with its dead letters and all that belongs to it, as the server estimates it.
   *
   * @throws UnsupportedError where the server may not be asked (MEMORY USAGE)
   * @see https://redis.io/docs/latest/commands/memory-usage/
   */
  async memory(): Promise<MemoryReport> {
    const keys = await this.#keys();
    const owners = new Set(keys.filter(({ isStream, companion }) => isStream && !companion).map(({ key }) => key));
    const counted = keys.filter(({ owner, companion }) => owners.has(owner) || companion !== undefined);
    const bytes = await this.#memoryOf(counted.map(({ key }) => key));
    const streams = new Map<string, StreamMemory>();
    for (const [index, { owner, companion }] of counted.entries()) {
      const size = bytes[index] ?? 0;
      const before = streams.get(owner) ?? { ...this.#placeOf(owner), ...noBytes };
      const part = companion === undefined ? 'streamBytes' : companion === 'dlq' ? 'deadLetterBytes' : 'companionBytes';
      streams.set(owner, { ...before, [part]: before[part] + size, totalBytes: before.totalBytes + size });
    }
    if (counted.length > 0 && bytes.every((each) => each === null)) {
      throw new UnsupportedError('How much memory streams take is unknown: allow MEMORY USAGE to this user');
    }
    const sorted = [...streams.values()].sort((one, other) => other.totalBytes - one.totalBytes);
    return { totalBytes: sorted.reduce((sum, { totalBytes }) => sum + totalBytes, 0), streams: sorted };
  }

  /** The prefixes that this server is for, sorted; none = it is not sealed. */
  allowedPrefixes(): Promise<readonly string[]> {
    return this.#changeSeal([], []);
  }

  /** Lets programs with this prefix and `environmentSeal` begin. The first seals the server. Resolves with those allowed. */
  async allowPrefix(prefix: string): Promise<readonly string[]> {
    checkPrefix(prefix);
    return this.#changeSeal([prefix], []);
  }

  /** Lets programs with this prefix and `environmentSeal` begin no more. Without the last, nothing is sealed. */
  async disallowPrefix(prefix: string): Promise<readonly string[]> {
    checkPrefix(prefix);
    return this.#changeSeal([], [prefix]);
  }

  /** Ends the admin. The transport stays open. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([this.#inspector.close(), this.#janitor.close()]);
  }

  async #groupReport(state: StreamState, group: GroupState, lag: number | null): Promise<GroupReport> {
    const { name, pending, lastDeliveredId, lowestPendingId, silentMs, consumers } = group;
    const [unread] = await this.#run(`Could not look at '${state.stream}'`, () =>
      this.#inspector.range(state.stream, idAfter(lastDeliveredId), '+', 1),
    );
    const oldest = older(unread?.id, lowestPendingId ?? undefined);
    const lagMs = oldest === undefined ? 0 : Math.max(0, state.nowMs - Number(oldest.slice(0, oldest.indexOf('-'))));
    const { partition } = this.#placeOf(state.stream);
    return { group: name, partition, lag, lagMs, pending, lastDeliveredId, silentMs, consumers };
  }

  #placeOf(key: string): { readonly name: string; readonly partition: number | undefined } {
    const { stream, partition } = partitionIn(key);
    const name = this.#prefix === undefined ? stream : stream.slice(this.#prefix.length + 1);
    return { name, partition };
  }

  async #survey(key: string): Promise<StreamState> {
    const state = await this.#run(`Could not look at '${key}'`, () => this.#janitor.survey(key));
    if (state === undefined) throw notFound(key);
    return state;
  }

  /** Every key of the environment, with what it is. */
  #keys(): Promise<{ key: string; isStream: boolean; owner: string; companion: string | undefined }[]> {
    return this.#run('Could not list the streams', async () => {
      const keys = new Map<string, { key: string; isStream: boolean; owner: string; companion: string | undefined }>();
      for await (const page of this.#inspector.keys(this.#prefix === undefined ? '' : `${this.#prefix}:`)) {
        for (const { key, isStream } of page) {
          const role = roleOf(key, this.#prefix);
          if (role !== undefined) keys.set(key, { key, isStream, ...role });
        }
      }
      return [...keys.values()];
    });
  }

  /** The stream's own key, and those of its partitions in order. Throws `StreamNotFoundError` when there are none. */
  async #keysOf(name: string): Promise<readonly string[]> {
    const key = streamKey(name, this.#prefix, this.#validation);
    const partitions = new Map<string, number>();
    await this.#run(`Could not find the partitions of '${key}'`, async () => {
      for await (const page of this.#inspector.keys(`${key}:p`)) {
        for (const found of page) {
          const { stream, partition } = partitionIn(found.key);
          if (found.isStream && stream === key && partition !== undefined) partitions.set(found.key, partition);
        }
      }
    });
    const parts = [...partitions].sort(([, one], [, other]) => one - other).map(([found]) => found);
    const own = await this.#run(`Could not look at '${key}'`, () => this.#inspector.describe(key));
    if (own === undefined && parts.length === 0) throw notFound(key);
    return own === undefined ? parts : [key, ...parts];
  }

  async #partKeyOf(name: string, partition: number | undefined): Promise<string> {
    const keys = await this.#keysOf(name);
    const found = keys.find((key) => this.#placeOf(key).partition === partition);
    if (found !== undefined) return found;
    const known = keys.map((key) => this.#placeOf(key).partition).filter((number) => number !== undefined);
    if (partition !== undefined) throw notFound(`${keys[0]}, partition ${partition}`);
    throw new OptionsError(`'${name}' has partitions: give 'partition', one of ${known.join(', ')}`);
  }

  async #memoryOf(keys: readonly string[]): Promise<(number | null)[]> {
    const bytes: (number | null)[] = [];
    for (let from = 0; from < keys.length; from += keysPerQuestion) {
      const page = keys.slice(from, from + keysPerQuestion);
      bytes.push(...(await this.#run('Could not ask for memory', () => this.#inspector.memory(page))));
    }
    return bytes;
  }

  async #trim(before: StreamState, phases: readonly TrimPhase[]): Promise<TrimOutcome> {
    const { stream } = before;
    const losses = new Map<string, GroupLoss>();
    let removed = 0;
    for (const phase of phases) {
      const { bound, keepUnread } = phase;
      if (bound.maxLength === undefined && bound.minId === undefined) continue;
      const kept = keepUnread && {
        released: releasedGroups(before, phase),
        silentMs: keepUnread.maxGroupIdleMs,
      };
      const order = { bound, limit: stepLimit, isExact: true, keepUnread: kept ?? null };
      for (let step: Trimmed | undefined; step === undefined || step.removed === stepLimit; ) {
        step = await this.#step(stream, removed, () => this.#janitor.trim(stream, order));
        removed += step.removed;
        for (const loss of step.lost) addLoss(losses, loss);
      }
    }
    const after = await this.#survey(stream);
    const last = phases.at(-1) as TrimPhase;
    const { length, firstEntryId } = after;
    return { removed, length, firstEntryId, lost: byGroup([...losses.values()]), kept: keepers(after, last) };
  }

  /** One step of trimming. One that was not answered is not repeated: its counts would be missing from the sum. */
  async #step(stream: string, removed: number, trim: () => Promise<Trimmed>): Promise<Trimmed> {
    const what = `Could not trim '${stream}' to its bound (${removed} entries are known to be removed)`;
    const answer = await this.#run(what, async () => {
      try {
        return await trim();
      } catch (error) {
        const failure = this.#transport.classify(error);
        if (failure.kind === 'unknown') return failure;
        throw error;
      }
    });
    if ('kind' in answer) throw toError(what, answer, { retryable: true });
    return answer;
  }

  #changeSeal(add: readonly string[], remove: readonly string[]): Promise<readonly string[]> {
    return this.#run('Could not change the prefixes of this server', () => this.#janitor.changeSeal(add, remove));
  }

  async #run<Result>(what: string, operation: () => Promise<Result>): Promise<Result> {
    const { signal } = this.#closing;
    if (signal.aborted) throw new ClosedError(`${what}: this EventAdmin is closed`);
    return retryOperation(this.#transport, what, operation, signal);
  }
}

const noBytes = { streamBytes: 0, deadLetterBytes: 0, companionBytes: 0, totalBytes: 0 };

function phasesFor(policy: TrimPolicy, state: StreamState): readonly TrimPhase[] {
  const decision: TrimDecision | undefined = policy(state);
  // a policy that lets everything stay
  return phasesOf(decision ?? {});
}

function lagIn(
  description: { readonly groups: readonly { readonly name: string; readonly lag: number | null }[] } | undefined,
  group: string,
): number | null {
  return description?.groups.find(({ name }) => name === group)?.lag ?? null;
}

function sumOf(bytes: readonly (number | null)[]): number | null {
  if (bytes.length === 0) return 0;
  const known = bytes.filter((each) => each !== null);
  return known.length === 0 ? null : known.reduce((sum, each) => sum + each, 0);
}

function older(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return compareEntryIds(one, other) <= 0 ? one : other;
}

function addLoss(losses: Map<string, GroupLoss>, { group, unread, pending }: GroupLoss): void {
  const before = losses.get(group);
  losses.set(group, { group, unread: unread + (before?.unread ?? 0), pending: pending + (before?.pending ?? 0) });
}

function namesOf(groups: readonly GroupState[]): string {
  return groups.length === 0 ? 'none' : groups.map(({ name }) => `'${name}'`).join(', ');
}

function notFound(key: string): StreamNotFoundError {
  return new StreamNotFoundError(
    `There is no stream '${key}' on this server: check its name, the prefix and the address`,
  );
}
