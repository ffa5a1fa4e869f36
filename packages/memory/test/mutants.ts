import { plainAppending } from '@events/conformance';
import type {
  AppendAnswer,
  Appender,
  AppenderOptions,
  Entry,
  Failure,
  Idempotency,
  Inspector,
  Janitor,
  NewEntry,
  Subscription,
  SubscriptionOptions,
  Transport,
} from '@events/core';

/** A transport with one deliberate fault. */
export interface Mutant {
  readonly fault: string;
  breakIt(transport: Transport): Transport;
}

interface Changes {
  readonly transport?: (real: Transport) => Partial<Transport>;
  readonly appender?: (real: Appender, transport: Transport, options: AppenderOptions) => Partial<Appender>;
  readonly subscription?: (
    real: Subscription,
    options: SubscriptionOptions,
    transport: Transport,
  ) => Partial<Subscription>;
  readonly inspector?: (real: Inspector) => Partial<Inspector>;
  readonly janitor?: (real: Janitor) => Partial<Janitor>;
}

const dayMs = 86_400_000;

export const mutants: readonly Mutant[] = [
  // append
  mutant('append answers with an id for an entry that is not stored', {
    appender: (real) => ({
      append: async (entries, withinMs) => {
        const answers = await real.append(entries.slice(0, 1), withinMs);
        return entries.map((_, index) => answers[index] ?? `${Date.now()}-${index}`);
      },
    }),
  }),
  mutant('append stores an entry twice when the first answer is lost', {
    appender: (real) => ({
      append: async (entries, withinMs) => {
        const answers = await real.append(entries, withinMs);
        const isLost = answers.some((answer) => isFailure(answer) && answer.kind === 'unknown');
        return isLost ? real.append(entries, withinMs) : answers;
      },
    }),
  }),
  mutant('append says refused for what was sent and not answered', {
    appender: (real) => ({
      append: async (entries, withinMs) =>
        (await real.append(entries, withinMs)).map((answer) =>
          isFailure(answer) && answer.kind === 'unknown' ? { ...answer, kind: 'refused' } : answer,
        ),
    }),
  }),
  mutant('append stores the entries of a call in the wrong order', {
    appender: (real) => ({
      append: async (entries, withinMs) => [...(await real.append([...entries].reverse(), withinMs))].reverse(),
    }),
  }),
  mutant('append lets a later call overtake an earlier one', {
    appender: (real) => {
      let calls = 0;
      return {
        append: async (entries, withinMs) => {
          calls += 1;
          for (let turn = calls % 3; turn > 0; turn -= 1) await new Promise(setImmediate);
          return real.append(entries, withinMs);
        },
      };
    },
  }),
  mutant('append answers in the wrong place', {
    appender: (real) => ({
      append: async (entries, withinMs) => [...(await real.append(entries, withinMs))].reverse(),
    }),
  }),
  mutant('append rejects the whole call for one bad entry', {
    appender: (real) => ({
      append: async (entries, withinMs) => {
        if (entries.some(({ fields }) => fields.length === 0)) throw new Error('an entry without fields');
        return real.append(entries, withinMs);
      },
    }),
  }),
  mutant('append tells the payload in its failure', {
    appender: (real) => ({
      append: async (entries, withinMs) =>
        (await real.append(entries, withinMs)).map((answer, index) =>
          isFailure(answer) ? { ...answer, cause: Object.assign(answer.cause, { command: entries[index] }) } : answer,
        ),
    }),
  }),
  mutant('append has no deadline', {
    appender: (real) => ({
      append: async (entries, withinMs) => {
        const answers = await real.append(entries, withinMs);
        const isLate = answers.some((answer) => isFailure(answer) && answer.kind === 'unknown');
        return isLate ? new Promise(() => {}) : answers;
      },
    }),
  }),
  mutant('append stores bytes as text', {
    appender: (real) => ({ append: (entries, withinMs) => real.append(entries.map(asText), withinMs) }),
  }),
  mutant('append lets names that repeat collapse', {
    appender: (real) => ({ append: (entries, withinMs) => real.append(entries.map(withoutRepetition), withinMs) }),
  }),
  // idempotency
  mutant('idempotency is not kept', {
    transport: (real) => ({ appender: (options) => real.appender({ ...options, idempotency: undefined }) }),
  }),
  mutant('idempotency is kept by each appender for itself', {
    appender: (real, transport, options) => {
      const known = new Map<string, string>();
      const plain = transport.appender({ ...options, idempotency: undefined });
      return {
        append: async (entries, withinMs) => {
          if (options.idempotency === undefined) return real.append(entries, withinMs);
          const answers: AppendAnswer[] = [];
          for (const entry of entries) {
            const entryId = known.get(entry.id + entry.stream);
            const [answer = ''] = entryId === undefined ? await plain.append([entry], withinMs) : [duplicate(entryId)];
            if (typeof answer === 'string') known.set(entry.id + entry.stream, answer);
            answers.push(answer);
          }
          return answers;
        },
      };
    },
  }),
  mutant('idempotency does not say what was a duplicate', {
    appender: (real) => ({
      append: async (entries, withinMs) =>
        (await real.append(entries, withinMs)).map((answer) =>
          typeof answer === 'object' && 'entryId' in answer ? answer.entryId : answer,
        ),
    }),
  }),
  mutant('idempotency knows an event of another stream', {
    appender: (real, _, options) => {
      const known = new Map<string, string>();
      return {
        append: async (entries, withinMs) => {
          const answers = await real.append(entries, withinMs);
          if (options.idempotency === undefined) return answers;
          return answers.map((answer, index) => {
            const { id = '', stream = '' } = entries[index] ?? {};
            const where = known.get(id) ?? stream;
            known.set(id, where);
            return typeof answer === 'string' && where !== stream ? duplicate(answer) : answer;
          });
        },
      };
    },
  }),
  mutant('idempotency remembers an event before it is stored', {
    appender: (real, _, options) => {
      const refused = new Set<string>();
      return {
        append: async (entries, withinMs) => {
          if (options.idempotency === undefined) return real.append(entries, withinMs);
          const before = new Set(refused);
          const answers = await real.append(
            entries.map((entry) => (before.has(entry.id) ? { ...entry, fields: [] } : entry)),
            withinMs,
          );
          return answers.map((answer, index) => {
            const { id = '' } = entries[index] ?? {};
            if (before.has(id)) return duplicate('1-1');
            if (isFailure(answer) && answer.kind === 'invalid') refused.add(id);
            return answer;
          });
        },
      };
    },
  }),
  mutant('idempotency takes no notice of the window', {
    transport: (real) => ({
      appender: (options) => real.appender(withIdempotency(options, (given) => ({ ...given, windowMs: dayMs }))),
    }),
  }),
  mutant('idempotency forgets before the window has passed', {
    transport: (real) => ({
      appender: (options) =>
        real.appender(withIdempotency(options, (given) => ({ ...given, windowMs: given.windowMs / 10 }))),
    }),
  }),
  mutant('idempotency takes no notice of maxEntries', {
    transport: (real) => ({
      appender: (options) => real.appender(withIdempotency(options, (given) => ({ ...given, maxEntries: 1e9 }))),
    }),
  }),
  mutant('idempotency remembers fewer than maxEntries', {
    transport: (real) => ({
      appender: (options) =>
        real.appender(withIdempotency(options, (given) => ({ ...given, maxEntries: given.maxEntries * 0.9 }))),
    }),
  }),
  mutant('idempotency keeps silent about a window that is cut short', {
    transport: (real) => ({
      appender: (options) => real.appender(withIdempotency(options, (given) => ({ ...given, onShortened: () => {} }))),
    }),
  }),
  mutant('idempotency tells each time of a window that is cut short', {
    transport: (real) => ({
      appender: (options) => {
        const idempotency = options.idempotency;
        const isCut = idempotency !== undefined && idempotency.maxEntries < 1_000;
        return changed(real.appender(options), {
          append: async (entries, withinMs) => {
            if (isCut && entries.length > 50) idempotency.onShortened(entries[0]?.stream ?? '', 1);
            return real.appender(options).append(entries, withinMs);
          },
        });
      },
    }),
  }),
  mutant('idempotency stores what is new after what is known', {
    appender: (real, _, options) => ({
      append: async (entries, withinMs) => {
        if (options.idempotency === undefined) return real.append(entries, withinMs);
        const order = [...entries.keys()].sort((left, right) => (left % 2) - (right % 2));
        const answers = await real.append(
          order.map((place) => entries[place] as NewEntry),
          withinMs,
        );
        return entries.map((_entry, place) => answers[order.indexOf(place)] as AppendAnswer);
      },
    }),
  }),
  // durability
  mutant('durability is promised where it cannot be had', {
    transport: (real) => ({
      appender: (options) => {
        const appender = real.appender({ ...options, durability: { level: 'leader' } });
        if (options.durability.level === 'leader') return appender;
        return changed(appender, {
          append: async (entries, withinMs) =>
            (await appender.append(entries, withinMs)).map((answer) =>
              typeof answer === 'string'
                ? { entryId: answer, isDuplicate: false, isDurable: true, replicas: 1 }
                : answer,
            ),
        });
      },
    }),
  }),
  mutant('durability is taken for leader where it cannot be had', {
    transport: (real) => ({ appender: (options) => real.appender({ ...options, durability: { level: 'leader' } }) }),
  }),
  mutant('durability is refused after all is stored', {
    transport: (real) => ({
      appender: (options) => {
        const appender = real.appender(options);
        if (options.durability.level === 'leader') return appender;
        const plain = real.appender({ ...options, durability: { level: 'leader' } });
        return changed(appender, {
          append: async (entries, withinMs) => {
            await plain.append(entries, withinMs);
            return appender.append(entries, withinMs);
          },
        });
      },
    }),
  }),
  // read
  mutant('read gives the entries in the wrong order', {
    subscription: (real) => ({ read: async (count, blockMs) => [...(await real.read(count, blockMs))].reverse() }),
  }),
  mutant('read gives entries again that the consumer owns already', {
    subscription: (real) => ({
      read: async (count, blockMs) => {
        const owned = (await real.owned('0-0', count)).map(({ id }) => id);
        return owned.length > 0 ? real.fetch(owned) : real.read(count, blockMs);
      },
    }),
  }),
  mutant('read loses the last of many entries', {
    subscription: (real) => ({
      read: async (count, blockMs) => {
        const entries = await real.read(count, blockMs);
        return entries.length > 4 ? entries.slice(0, -1) : entries;
      },
    }),
  }),
  mutant('read acknowledges what it gives', {
    subscription: (real) => ({
      read: async (count, blockMs) => {
        const entries = await real.read(count, blockMs);
        await real.acknowledge({ ids: entries.map(({ id }) => id), postponed: [] });
        return entries;
      },
    }),
  }),
  mutant('read takes no notice of a lost group', {
    subscription: (real, _, transport) => ({
      read: (count, blockMs) =>
        real.read(count, blockMs).catch((error: unknown) => nothingIf(transport, error, 'group-lost')),
    }),
  }),
  mutant('read answers a lost connection with []', {
    subscription: (real, _, transport) => ({
      read: (count, blockMs) =>
        real.read(count, blockMs).catch((error: unknown) => nothingIf(transport, error, 'unknown')),
    }),
  }),
  mutant('read does not wait', { subscription: (real) => ({ read: (count) => real.read(count, 0) }) }),
  mutant('read gives more than count', {
    subscription: (real) => ({ read: (count, blockMs) => real.read(count + 1, blockMs) }),
  }),
  mutant('interruptRead makes the read drop what it was given', {
    subscription: (real) => {
      let isInterrupted = false;
      return {
        read: async (count, blockMs) => {
          isInterrupted = false;
          const entries = await real.read(count, blockMs);
          return isInterrupted ? [] : entries;
        },
        interruptRead: () => {
          isInterrupted = true;
          return real.interruptRead();
        },
      };
    },
  }),
  // claim
  mutant('claim raises the delivery count', {
    subscription: (real) => ({
      claim: async (idleMs, count) => {
        const { entries, vanished } = await real.claim(idleMs, count);
        for (const { id, deliveries } of entries) await real.start(id, deliveries + 1);
        return { entries: entries.map((entry) => ({ ...entry, deliveries: entry.deliveries + 1 })), vanished };
      },
    }),
  }),
  mutant('claim takes what is not idle long enough', {
    subscription: (real) => ({ claim: (_idleMs, count) => real.claim(0, count) }),
  }),
  mutant("claim gives the consumer's own entries", {
    subscription: (real) => ({
      claim: async (idleMs, count) => {
        const own = await real.owned('0-0', count);
        const { entries, vanished } = await real.claim(idleMs, count);
        return { entries: [...own, ...entries].slice(0, count), vanished };
      },
    }),
  }),
  mutant('claim begins at the first entry each time', {
    subscription: (_real, options, transport) => ({
      claim: (idleMs, count) => transport.subscription(options).claim(idleMs, count),
    }),
  }),
  mutant('claim keeps silent about vanished entries', {
    subscription: (real) => ({
      claim: async (idleMs, count) => ({ entries: (await real.claim(idleMs, count)).entries, vanished: [] }),
    }),
  }),
  mutant('claim forgets that an entry was released', {
    subscription: (real) => ({
      claim: async (idleMs, count) => {
        const { entries, vanished } = await real.claim(idleMs, count);
        return { entries: entries.map((entry) => ({ ...entry, released: false })), vanished };
      },
    }),
  }),
  // ownership
  mutant('owned begins with the entry that it was to begin after', {
    subscription: (real) => ({
      owned: async (after, count) => (await real.owned('0-0', 1_000)).filter(({ id }) => id >= after).slice(0, count),
    }),
  }),
  mutant('owned shows the entries of other consumers', {
    subscription: (real, options, transport) => ({
      owned: async (after, count) => {
        const other = transport.subscription({ ...options, consumer: 'owner' });
        return [...(await real.owned(after, count)), ...(await other.owned(after, count))].slice(0, count);
      },
    }),
  }),
  mutant('fetch sorts what it was asked for', {
    subscription: (real) => ({ fetch: (ids) => real.fetch([...ids].sort()) }),
  }),
  mutant('fetch leaves out what no longer exists', {
    subscription: (real) => ({ fetch: async (ids) => (await real.fetch(ids)).filter(({ fields }) => fields !== null) }),
  }),
  mutant('start says yes, whoever owns the entry', {
    subscription: (real) => ({
      start: async (id, deliveries) => {
        await real.start(id, deliveries);
        return true;
      },
    }),
  }),
  mutant('start does not set the count', {
    subscription: (real) => ({ start: async (id) => (await real.keepAlive([id])).length === 1 }),
  }),
  mutant('keepAlive answers with ids that are not owned', {
    subscription: (real) => ({
      keepAlive: async (ids) => {
        await real.keepAlive(ids);
        return ids;
      },
    }),
  }),
  mutant('keepAlive keeps nothing alive', {
    subscription: (real) => ({
      keepAlive: async (ids) => {
        const owned = await real.owned('0-0', 1_000);
        return ids.filter((id) => owned.some((entry) => entry.id === id));
      },
    }),
  }),
  mutant('release forgets to let the next claim have it', {
    subscription: (real) => ({ release: async (ids) => (await real.keepAlive(ids)).length }),
  }),
  mutant('postpone drops the record', {
    subscription: (real) => ({ postpone: async (id) => (await real.keepAlive([id])).length === 1 }),
  }),
  mutant('register lets two consumers have one name', {
    subscription: (real, options, transport) => ({
      register: async (leaseMs) =>
        (await real.register(leaseMs)) ||
        transport.subscription({ ...options, consumer: `${options.consumer}.2` }).register(leaseMs),
    }),
  }),
  mutant('register gives a lease that does not end', {
    subscription: (real) => ({ register: () => real.register(dayMs) }),
  }),
  mutant('subscription.close keeps the name', {
    subscription: (real) => {
      let isClosed = false;
      return {
        close: async () => {
          isClosed = true;
          await real.interruptRead();
        },
        owned: (after, count) => (isClosed ? real.close() : Promise.resolve()).then(() => real.owned(after, count)),
      };
    },
  }),
  // settlement
  mutant('acknowledge does not acknowledge', {
    subscription: (real) => ({
      acknowledge: async ({ ids, marks }) => {
        const { effectiveWindowMs } = await real.acknowledge({ ids: [], postponed: [], ...(marks && { marks }) });
        return { count: ids.length, effectiveWindowMs };
      },
    }),
  }),
  mutant('acknowledge concerns every group', {
    subscription: (real, options, transport) => ({
      acknowledge: async (acknowledgement) => {
        const { ids } = acknowledgement;
        const groups = (await transport.inspector().describe(options.stream))?.groups ?? [];
        const others = groups.filter(({ name }) => name !== options.group);
        for (const { name } of others)
          await transport.subscription({ ...options, group: name }).acknowledge({ ids, postponed: [] });
        return real.acknowledge(acknowledgement);
      },
    }),
  }),
  mutant('acknowledge counts what it was given', {
    subscription: (real) => ({
      acknowledge: async (acknowledgement) => ({
        ...(await real.acknowledge(acknowledgement)),
        count: acknowledgement.ids.length,
      }),
    }),
  }),
  mutant('acknowledge sets no marks', {
    subscription: (real) => ({ acknowledge: ({ ids, postponed }) => real.acknowledge({ ids, postponed }) }),
  }),
  mutant('acknowledge never lets marks leave early', {
    subscription: (real) => ({
      acknowledge: ({ marks, ...rest }) =>
        real.acknowledge({ ...rest, ...(marks && { marks: { ...marks, maxEntries: 1e9 } }) }),
    }),
  }),
  mutant('handled takes no notice of the window', {
    subscription: (real) => ({
      acknowledge: ({ marks, ...rest }) =>
        real.acknowledge({ ...rest, ...(marks && { marks: { ...marks, windowMs: dayMs } }) }),
      handled: (eventIds) => real.handled(eventIds, dayMs),
    }),
  }),
  mutant('deadLetter is not fenced', {
    subscription: (real, _, transport) => ({
      deadLetter: async (id, stream, provenance) => {
        const [entry] = await real.fetch([id]);
        if (entry?.fields == null) return 'vanished';
        await transport
          .appender(plainAppending)
          .append([{ stream, id: 'any', fields: [...entry.fields, ...provenance] }], 1_000);
        await real.acknowledge({ ids: [id], postponed: [] });
        return 'moved';
      },
    }),
  }),
  mutant('deadLetter stores without acknowledging', {
    subscription: (real, _, transport) => ({
      deadLetter: async (id, stream, provenance) => {
        if ((await real.keepAlive([id])).length === 0) return 'not-owned';
        const [entry] = await real.fetch([id]);
        if (entry?.fields == null) return real.deadLetter(id, stream, provenance);
        await transport
          .appender(plainAppending)
          .append([{ stream, id: 'any', fields: [...entry.fields, ...provenance] }], 1_000);
        return 'moved';
      },
    }),
  }),
  mutant('deadLetter acknowledges before it stores', {
    subscription: (real, _, transport) => ({
      deadLetter: async (id, stream, provenance) => {
        const [entry] = await real.fetch([id]);
        if (entry?.fields == null) return real.deadLetter(id, stream, provenance);
        if ((await real.keepAlive([id])).length === 0) return 'not-owned';
        if ((await real.acknowledge({ ids: [id], postponed: [] })).count === 0) return 'not-owned';
        await transport
          .appender(plainAppending)
          .append([{ stream, id: 'any', fields: [...entry.fields, ...provenance] }], 1_000);
        return 'moved';
      },
    }),
  }),
  mutant('deadLetter forgets the provenance', {
    subscription: (real) => ({ deadLetter: (id, stream) => real.deadLetter(id, stream, []) }),
  }),
  // partitions
  mutant('own gives the lease to everybody', {
    subscription: (real) => ({ own: async (leaseMs) => (await real.own(leaseMs)) || true }),
  }),
  mutant('own gives a lease that does not end', { subscription: (real) => ({ own: () => real.own(dayMs) }) }),
  ...(['read', 'claim', 'start', 'keepAlive', 'acknowledge', 'postpone', 'deadLetter', 'release'] as const).map(
    (verb) =>
      mutant(`own does not fence ${verb}`, {
        subscription: (_real, options, transport) => {
          const unfenced = transport.subscription(options);
          return { [verb]: (unfenced[verb] as () => unknown).bind(unfenced) };
        },
      }),
  ),
  mutant('disown does nothing', { subscription: () => ({ disown: async () => {} }) }),
  mutant('disown lifts the fence', {
    subscription: (real, options, transport) => {
      let isDisowned = false;
      const unfenced = transport.subscription(options);
      return {
        disown: () => {
          isDisowned = true;
          return real.disown();
        },
        acknowledge: (what) => (isDisowned ? unfenced : real).acknowledge(what),
      };
    },
  }),
  mutant('takeOver leaves alone what was touched lately', {
    subscription: (real) => ({ takeOver: (_after, count) => real.claim(60_000, count) }),
  }),
  mutant('takeOver raises the delivery count', {
    subscription: (real) => ({
      takeOver: async (after, count) => {
        const taken = await real.takeOver(after, count);
        for (const { id, deliveries } of taken.entries) await real.start(id, deliveries + 1);
        return taken;
      },
    }),
  }),
  mutant('takeOver forgets the records', {
    subscription: (real) => ({
      takeOver: async (after, count) => {
        const { entries, vanished } = await real.takeOver(after, count);
        return { entries: entries.map((entry) => ({ ...entry, record: null })), vanished };
      },
    }),
  }),
  mutant('takeOver keeps silent about vanished entries', {
    subscription: (real) => ({
      takeOver: async (after, count) => ({ entries: (await real.takeOver(after, count)).entries, vanished: [] }),
    }),
  }),
  mutant('partitionTable agrees with everybody', {
    transport: (real) => ({
      partitionTable: (stream) => changed(real.partitionTable(stream), { agree: async (count) => count }),
    }),
  }),
  mutant('partitionTable changes the count, whatever it was', {
    transport: (real) => ({
      partitionTable: (stream) => {
        const table = real.partitionTable(stream);
        return changed(table, { change: async (_from, to) => table.change(await table.agree(to), to) });
      },
    }),
  }),
  mutant('partitionTable never forgets a consumer', {
    transport: (real) => ({
      partitionTable: (stream) => {
        const table = real.partitionTable(stream);
        return changed(table, { announce: (group, consumer) => table.announce(group, consumer, dayMs) });
      },
    }),
  }),
  mutant('partitionTable does not withdraw', {
    transport: (real) => ({
      partitionTable: (stream) => changed(real.partitionTable(stream), { withdraw: async () => {} }),
    }),
  }),
  // groups and inspection
  mutant('ensureGroup begins at the end, whatever it was asked for', {
    subscription: (real) => ({ ensureGroup: () => real.ensureGroup('latest') }),
  }),
  mutant('ensureGroup always says that it created the group', {
    subscription: (real) => ({ ensureGroup: async (from) => (await real.ensureGroup(from)) || true }),
  }),
  mutant('inspector.fetch sorts what it was asked for', {
    inspector: (real) => ({ fetch: (stream, ids) => real.fetch(stream, [...ids].sort()) }),
  }),
  mutant('inspector.fetch leaves out what does not exist', {
    inspector: (real) => ({
      fetch: async (stream, ids) => (await real.fetch(stream, ids)).filter(({ fields }) => fields !== null),
    }),
  }),
  mutant('inspector.fetch gives no more than a hundred', {
    inspector: (real) => ({ fetch: (stream, ids) => real.fetch(stream, ids.slice(0, 100)) }),
  }),
  mutant('trim is off by one', {
    janitor: (real) => ({
      trim: (stream, order) => {
        const { maxLength } = order.bound;
        const bound = maxLength === undefined ? order.bound : { ...order.bound, maxLength: maxLength + 1 };
        return real.trim(stream, { ...order, bound });
      },
    }),
  }),
  mutant('trim spares what is unread', {
    janitor: (real) => ({
      trim: (stream, order) =>
        real.trim(stream, { ...order, keepUnread: order.keepUnread ?? { released: [], silentMs: 1 } }),
    }),
  }),
  mutant('trim takes only one of two bounds', {
    janitor: (real) => ({
      trim: (stream, order) => {
        const { maxLength, minId } = order.bound;
        return real.trim(stream, { ...order, bound: maxLength === undefined ? { minId } : { maxLength } });
      },
    }),
  }),
  mutant('trim knows no limit', {
    janitor: (real) => ({ trim: (stream, order) => real.trim(stream, { ...order, limit: null }) }),
  }),
  mutant('trim keeps nothing for groups', {
    janitor: (real) => ({ trim: (stream, order) => real.trim(stream, { ...order, keepUnread: null }) }),
  }),
  mutant('trim believes that a released group is gone for good', {
    janitor: (real) => ({
      trim: (stream, order) =>
        real.trim(stream, { ...order, keepUnread: order.keepUnread && { ...order.keepUnread, silentMs: 0 } }),
    }),
  }),
  mutant('trim keeps everything for released groups too', {
    janitor: (real) => ({
      trim: (stream, order) =>
        real.trim(stream, { ...order, keepUnread: order.keepUnread && { ...order.keepUnread, released: [] } }),
    }),
  }),
  mutant('trim says nothing of what groups lose', {
    janitor: (real) => ({ trim: async (stream, order) => ({ ...(await real.trim(stream, order)), lost: [] }) }),
  }),
  mutant('trim counts a pending loss as unread', {
    janitor: (real) => ({
      trim: async (stream, order) => {
        const trimmed = await real.trim(stream, order);
        const lost = trimmed.lost.map(({ group, unread, pending }) => ({
          group,
          unread: unread + pending,
          pending: 0,
        }));
        return { ...trimmed, lost };
      },
    }),
  }),
  mutant('takeTurn gives everybody a turn', {
    janitor: (real) => ({ takeTurn: async (...turn) => (await real.takeTurn(...turn)) || true }),
  }),
  mutant('a turn never ends', {
    janitor: (real) => ({ takeTurn: (stream, task) => real.takeTurn(stream, task, 3_600_000) }),
  }),
  mutant('endTurn does nothing', { janitor: () => ({ endTurn: async () => {} }) }),
  mutant('survey takes the last delivered id for the floor', {
    janitor: (real) => ({
      survey: async (stream) => {
        const state = await real.survey(stream);
        return state && { ...state, groups: state.groups.map((group) => ({ ...group, floor: group.lastDeliveredId })) };
      },
    }),
  }),
  mutant('survey takes every group for alive', {
    janitor: (real) => ({
      survey: async (stream) => {
        const state = await real.survey(stream);
        return state && { ...state, groups: state.groups.map((group) => ({ ...group, silentMs: 0 })) };
      },
    }),
  }),
  mutant('removeGroup does not look for signs of life', {
    janitor: (real) => ({ removeGroup: (stream, group) => real.removeGroup(stream, group, 0) }),
  }),
  mutant('removeGroup says removed for what it left', {
    janitor: (real) => ({
      removeGroup: async (...which) => {
        const answer = await real.removeGroup(...which);
        return answer === 'in-use' ? 'removed' : answer;
      },
    }),
  }),
  mutant('removeConsumer does not look for signs of life', {
    janitor: (real) => ({ removeConsumer: (stream, group, name) => real.removeConsumer(stream, group, name, 0) }),
  }),
  mutant('removeConsumer removes nothing', { janitor: () => ({ removeConsumer: async () => 'removed' }) }),
  mutant('seal adds every prefix', {
    janitor: (real) => ({ seal: (prefix) => real.changeSeal([prefix], []) }),
  }),
  mutant('progress counts nothing as missed', {
    subscription: (real) => ({ progress: async () => ({ ...(await real.progress()), missed: 0 }) }),
  }),
  mutant('progress calls what is pending unread', {
    subscription: (real) => ({
      progress: async () => {
        const progress = await real.progress();
        return { ...progress, oldestUnreadId: progress.oldestPendingId ?? progress.oldestUnreadId };
      },
    }),
  }),
  mutant('register gives no sign of life', {
    transport: (real) => ({
      subscription: (options) => {
        const subscription = real.subscription(options);
        let isRegistered: boolean | undefined;
        return changed(subscription, {
          register: async (leaseMs) => {
            isRegistered ??= await subscription.register(leaseMs);
            return isRegistered;
          },
        });
      },
    }),
  }),
  mutant('inspector.pending does not tell consumers apart', {
    inspector: (real) => ({
      pending: (stream, group, after, count) => real.pending(stream, group, after, count, undefined),
    }),
  }),
  mutant('inspector.count leaves out the last', {
    inspector: (real) => ({ count: async (...range) => Math.max(0, (await real.count(...range)) - 1) }),
  }),
  mutant('range leaves out its last entry', {
    inspector: (real) => ({
      range: async (stream, from, to, count) => {
        const entries = await real.range(stream, from, to, count);
        return to === '+' ? entries : entries.filter(({ id }) => id !== to);
      },
    }),
  }),
  mutant('describe says that lag is 0 where it is unknown', {
    inspector: (real) => ({
      describe: async (stream) => {
        const description = await real.describe(stream);
        return (
          description && {
            ...description,
            groups: description.groups.map((group) => ({ ...group, lag: group.lag ?? 0 })),
          }
        );
      },
    }),
  }),
  // transport
  mutant('freeze finds a verb without a deadline', {
    subscription: (real, _, transport) => ({
      owned: (after, count) =>
        real.owned(after, count).catch((error: unknown) => {
          if (transport.classify(error).kind === 'unknown') return new Promise<never>(() => {});
          throw error;
        }),
    }),
  }),
  mutant('classify calls everything transient', {
    transport: (real) => ({ classify: (error) => ({ ...real.classify(error), kind: 'refused' }) }),
  }),
  mutant('classify throws at what it does not know', {
    transport: (real) => ({
      classify: (error) => {
        if (!(error instanceof Error)) throw new TypeError('not an error');
        return real.classify(error);
      },
    }),
  }),
  mutant('transport.close ends nothing', {
    transport: (real) => ({ close: async () => void real.retryPolicy }),
  }),
];

function mutant(fault: string, changes: Changes): Mutant {
  return {
    fault,
    breakIt(real) {
      const broken: Transport = changed(real, {
        appender: (options: AppenderOptions) => {
          const appender = real.appender(options);
          return changed(appender, changes.appender?.(appender, real, options) ?? {});
        },
        subscription: (options: SubscriptionOptions) => {
          const subscription = real.subscription(options);
          return changed(subscription, changes.subscription?.(subscription, options, real) ?? {});
        },
        inspector: () => {
          const inspector = real.inspector();
          return changed(inspector, changes.inspector?.(inspector) ?? {});
        },
        janitor: () => {
          const janitor = real.janitor();
          return changed(janitor, changes.janitor?.(janitor) ?? {});
        },
        ...changes.transport?.(real),
      });
      return broken;
    },
  };
}

/** The same object, with some members changed. */
function changed<Target extends object>(target: Target, changes: Partial<Target>): Target {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(changes, name)) return changes[name as keyof Target];
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

function isFailure(answer: AppendAnswer): answer is Failure {
  return typeof answer === 'object' && 'kind' in answer;
}

function duplicate(entryId: string): AppendAnswer {
  return { entryId, isDuplicate: true, isDurable: true, replicas: null };
}

function withIdempotency(options: AppenderOptions, change: (given: Idempotency) => Idempotency): AppenderOptions {
  return options.idempotency === undefined ? options : { ...options, idempotency: change(options.idempotency) };
}

function nothingIf(transport: Transport, error: unknown, kind: string): readonly Entry[] {
  if (transport.classify(error).kind === kind) return [];
  throw error;
}

function asText({ stream, id, fields }: NewEntry): NewEntry {
  return {
    stream,
    id,
    fields: fields.map((value) => (typeof value === 'string' ? value : new TextDecoder().decode(value))),
  };
}

function withoutRepetition({ stream, id, fields }: NewEntry): NewEntry {
  const names = new Map<unknown, NewEntry['fields'][number]>();
  for (let index = 0; index + 1 < fields.length; index += 2) names.set(fields[index], fields[index + 1] ?? '');
  const collapsed = [...names].flat() as NewEntry['fields'];
  return { stream, id, fields: fields.length % 2 === 0 ? collapsed : fields };
}
