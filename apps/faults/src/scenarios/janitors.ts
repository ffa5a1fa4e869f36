import { setTimeout as delay } from 'node:timers/promises';
import { EventPublisher } from '@events/core';
import { type RedisServer, until } from '@events/tooling-redis';
import type { Scenario } from '../scenario.js';
import type { JanitorNotice, JanitorOrders } from '../traffic/janitor-orders.js';
import { JanitorProcess } from '../traffic/janitor-process.js';
import { StreamWatch } from '../traffic/stream-watch.js';
import { openTransport } from '../transports.js';
import type { Trial } from '../trial.js';
import type { Promised, Verdict } from '../verdict.js';

const processes = 10;
const groups = ['one', 'other'];
const perSecond = 60;
const bound = 2_000;
/** The shortest that may be asked for. */
const unusedMs = 10_000;
const quiet = 'quiet';
const quietEvents = 100;
const drainWithinMs = 60_000;

/** Ten processes publish, trim, consume, claim and clean up for a minute, and one after another is killed. */
export const janitors: Scenario = {
  name: 'janitors',
  short: { seconds: 35, faults: 3 },
  parts: [{ title: 'ten processes, one after another killed', run: (trial) => tend(trial) }],
};

/** What the processes said. */
class Account {
  readonly published = new Set<number>();
  readonly handled = new Map(groups.map((group) => [group, new Set<number>()]));
  readonly removed: { readonly name: string; readonly stream: string; readonly group: string }[] = [];
  readonly errors: string[] = [];
  repeated = 0;
  trimmed = 0;
  lost = 0;

  readonly note = (notice: JanitorNotice): void => {
    if (notice.kind === 'published') this.published.add(notice.number);
    else if (notice.kind === 'handled') this.#handled(notice.group, notice.number);
    else if (notice.kind === 'removed') this.removed.push(notice);
    else if (notice.kind === 'error') this.errors.push(notice.message);
    else if (notice.kind === 'trimmed') {
      this.trimmed += notice.removed;
      this.lost += notice.lost;
    }
  };

  missing(group: string): number {
    const handled = this.handled.get(group);
    return [...this.published].filter((number) => handled?.has(number) !== true).length;
  }

  #handled(group: string, number: number): void {
    const handled = this.handled.get(group);
    if (handled?.has(number) === true) this.repeated += 1;
    handled?.add(number);
  }
}

async function tend(trial: Trial): Promise<Verdict> {
  const { client, seconds = 60, faults = 6 } = trial.options;
  const account = new Account();
  const before = await prepareQuiet(trial);
  let started = 0;
  const start = () => {
    const from = started * 1_000_000;
    started += 1;
    const orders: JanitorOrders = {
      ...{ client, url: trial.server.url, busy: trial.stream, quiet, groups },
      ...{ from, perSecond, bound, unusedMs },
    };
    return JanitorProcess.start(orders, account.note);
  };
  const crew = await Promise.all(Array.from({ length: processes }, start));
  const watch = new StreamWatch(trial.server, trial.stream);
  try {
    for (let fault = 1; fault <= faults; fault += 1) {
      await delay((seconds * 1_000) / (faults + 1));
      const victim = trial.random.integer(0, crew.length - 1);
      await crew[victim]?.kill();
      crew[victim] = await start();
      trial.say(`process ${victim} was killed, and another one started`);
    }
    await delay((seconds * 1_000) / (faults + 1));
    await Promise.all(crew.map((process) => process.beQuiet()));
    const isRead = async () => groups.every((group) => account.missing(group) === 0);
    const timeoutMs = trial.options.patience * drainWithinMs;
    await until(isRead, { timeoutMs, intervalMs: 100, message: 'everything to be handled' });
    const isGone = async () => !(await groupsOf(trial.server, quiet)).includes('empty');
    await until(isGone, { timeoutMs, intervalMs: 100, message: 'the unused group to be removed' });
    await Promise.all(crew.map((process) => process.stop()));
    const longest = watch.samples.reduce((most, { length }) => Math.max(most, length), 0);
    return await verdictOf(trial, account, before, longest);
  } finally {
    await watch.close();
    await Promise.all(crew.map((process) => process.kill()));
  }
}

/** A stream with three groups that nobody uses: one has nothing to do, one has not read, one has pending entries. */
async function prepareQuiet({ server, options }: Trial): Promise<string> {
  const transport = openTransport(options.client, { url: server.url });
  const trimStrategy = { enabled: false };
  const publisher = new EventPublisher({ transport, source: 'janitors', defaultStream: quiet, trimStrategy });
  const numbers = Array.from({ length: quietEvents }, (_, index) => -1 - index);
  await Promise.all(numbers.map((number) => publisher.publish('traffic.passed', { number })));
  await publisher.close();
  await transport.close();
  await server.command('XGROUP', 'CREATE', quiet, 'empty', '$');
  await server.command('XGROUP', 'CREATE', quiet, 'unread', '0');
  await server.command('XGROUP', 'CREATE', quiet, 'pending', '0');
  await server.command('XREADGROUP', 'GROUP', 'pending', 'gone', 'COUNT', String(quietEvents), 'STREAMS', quiet, '>');
  return workIn(server);
}

/** What the groups with work have left. */
async function workIn(server: RedisServer): Promise<string> {
  const pending = (await server.command('XPENDING', quiet, 'pending')) as unknown as unknown[];
  const described = (await server.command('XINFO', 'GROUPS', quiet)) as unknown as unknown[][];
  const unread = described.find((group) => group[1] === 'unread') ?? [];
  return JSON.stringify({ pending: pending.slice(0, 3), unread: unread[unread.indexOf('lag') + 1] });
}

async function groupsOf(server: RedisServer, stream: string): Promise<string[]> {
  const described = (await server.command('XINFO', 'GROUPS', stream)) as unknown as unknown[][];
  return described.map((group) => String(group[1])).sort();
}

async function verdictOf(trial: Trial, account: Account, before: string, longest: number): Promise<Verdict> {
  const { server, stream } = trial;
  const left = { busy: await groupsOf(server, stream), quiet: await groupsOf(server, quiet) };
  const after = await workIn(server);
  const gone = (name: string) => account.removed.filter((each) => each.name === name);
  const none = (what: string, count: number): Promised => ({ what, holds: count === 0, found: `${count}` });
  return {
    account: undefined,
    promises: [
      ...groups.map((group) => none(`Confirmed events that group '${group}' has not handled`, account.missing(group))),
      none('Entries that trimming took from a group, by its own account', account.lost),
      {
        what: 'The groups of the busy stream are those that consume, and of the quiet one, those and the two that have work',
        holds: `${left.busy}` === `${groups}` && `${left.quiet}` === `${[...groups, 'pending', 'unread'].sort()}`,
        found: `${left.busy} and ${left.quiet}`,
      },
      { what: 'What those two have left is as it was', holds: before === after, found: after },
      {
        what: 'No group was removed but the one that nobody uses, and none was lost',
        holds: gone('groupRemoved').every(({ group }) => group === 'empty') && gone('groupLost').length === 0,
        found: [...gone('groupRemoved'), ...gone('groupLost')].map(({ name, group }) => `${name} ${group}`).join(', '),
      },
      none('Errors that were told of', account.errors.length),
    ],
    figures: {
      processes,
      'events confirmed': account.published.size,
      'handled again': account.repeated,
      'entries trimmed': account.trimmed,
      'longest stream, entries': longest,
      'bound, entries': bound,
      'consumers removed': gone('consumerRemoved').length,
      'first errors': account.errors.slice(0, 3).join('; ') || 'none',
    },
  };
}
