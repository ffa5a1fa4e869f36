import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Command } from '../src/index.js';
import { SentinelTopology } from '../src/sentinel-topology.js';
import { ServerConnection } from '../src/server-connection.js';
import { errorReply, FakeConnector, type FakeLink, turn } from './fake-connector.js';

const [one, two, three] = ['s1:1', 's2:2', 's3:3'] as const;

interface View {
  master: string | null;
  epoch: number;
  others: readonly string[];
}

/** What each sentinel says; one that is not here does not answer. */
let views: Map<string, View>;
let connector: FakeConnector;
let topology: SentinelTopology;
let release: () => void;
const failedOver = jest.fn();
const failed = jest.fn();

function say(command: Command, link: FakeLink): unknown {
  const view = views.get(link.address);
  if (link.as !== 'sentinel' || view === undefined) return undefined;
  const [host, port] = view.master?.split(':') ?? [];
  if (command[1] === 'MYID') return `id-${link.address}`;
  if (command[1] === 'GET-MASTER-ADDR-BY-NAME') return view.master === null ? null : [host, port];
  if (view.master === null) return errorReply('ERR No such master with that name');
  if (command[1] === 'MASTER') return ['ip', host, 'port', port, 'config-epoch', String(view.epoch)];
  return view.others.map((other) => {
    const [ip, at] = other.split(':');
    return ['ip', ip, 'port', at, 'runid', `id-${other}`];
  });
}

function allSay(master: string | null, epoch: number, ...sentinels: readonly string[]): void {
  for (const sentinel of sentinels) {
    const others = [one, two, three].filter((other) => other !== sentinel);
    views.set(sentinel, { master, epoch, others });
  }
}

function endpoint(address: string) {
  const [host = '', port] = address.split(':');
  return { host, port: Number(port) };
}

async function openLinks(): Promise<void> {
  for (let round = 0; round < 3; round += 1) for (const link of connector.links) await link.open();
}

/** Where the master is, or why nobody knows. */
async function located(withinMs = 0): Promise<unknown> {
  const answer = topology.locate().catch((error: unknown) => error);
  await openLinks();
  if (withinMs > 0) await jest.advanceTimersByTimeAsync(withinMs);
  return answer;
}

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
  jest.clearAllMocks();
  views = new Map();
  const origin = {
    kind: 'sentinel',
    name: 'main',
    at: [one, two, three].map(endpoint),
    mapAddress: () => undefined,
  } as const;
  connector = new FakeConnector(origin);
  connector.reply = say;
  topology = new SentinelTopology(connector, origin, { failedOver, failed });
  release = topology.hold();
});

afterEach(async () => {
  release();
  await turn();
  expect(connector.links.filter((link) => !link.destroyed)).toEqual([]);
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

describe('the place of the master', () => {
  test('is what the majority says; who is silent is not waited for', async () => {
    allSay('m:1', 1, one, two);
    expect(await located()).toEqual(endpoint('m:1'));
  });

  test('is what the newest configuration says, though most have not heard of it yet', async () => {
    allSay('m:1', 1, one, two, three);
    await located();
    allSay('m:2', 2, three);
    connector.links
      .find((link) => link.subscriptions.size > 0 && link.address === three)
      ?.subscriptions.get('+switch-master')?.('main m 1 m 2');
    await turn();
    expect(topology.only.endpoint).toEqual(endpoint('m:2'));
    expect(failedOver).toHaveBeenCalledTimes(1);
    expect(failedOver.mock.calls[0]).toEqual([
      expect.objectContaining({ from: 'm:1', to: 'm:2' }),
      expect.stringContaining('announced'),
    ]);
    // the others follow later: until then they are not believed
    expect(await located()).toEqual(endpoint('m:2'));
    expect(failedOver).toHaveBeenCalledTimes(1);
  });

  test('is the promoted server, before the sentinels announce that everybody follows it', async () => {
    allSay('m:1', 1, one, two, three);
    await located();
    allSay('m:2', 2, two);
    const link = connector.links.find(({ subscriptions, address }) => subscriptions.size > 0 && address === two);
    link?.subscriptions.get('+promoted-slave')?.('slave m:2 m 2 @ main m 1');
    await turn();
    expect(topology.only.endpoint).toEqual(endpoint('m:2'));
  });

  test('is found by asking, where a single sentinel has the newest configuration', async () => {
    allSay('m:1', 1, one, two, three);
    await located();
    allSay('m:2', 2, two);
    expect(await located()).toEqual(endpoint('m:2'));
  });

  test('is what a majority agrees on, when sentinels were set up anew and count from the beginning', async () => {
    allSay('m:1', 7, one, two, three);
    await located();
    allSay('m:2', 0, one, two, three);
    await jest.advanceTimersByTimeAsync(11_000);
    expect(await located()).toEqual(endpoint('m:2'));
  });

  test('a message about another master changes nothing', async () => {
    allSay('m:1', 1, one, two, three);
    await located();
    allSay('m:2', 2, three);
    for (const link of connector.links) {
      link.subscriptions.get('+switch-master')?.('another m 1 m 2');
      link.subscriptions.get('+promoted-slave')?.('slave m:2 m 2 @ another m 1');
    }
    await turn();
    expect(topology.only.endpoint).toEqual(endpoint('m:1'));
  });

  test('is the last known one where nobody answers any more, and found again without a message', async () => {
    allSay('m:1', 1, one, two, three);
    await located();
    views.clear();
    expect(await located(1_000)).toEqual(endpoint('m:1'));
    allSay('m:3', 3, one, two, three);
    for (let round = 0; round < 14; round += 1) {
      await jest.advanceTimersByTimeAsync(500);
      await openLinks();
    }
    expect(topology.only.endpoint).toEqual(endpoint('m:3'));
  });

  test('is unknown where none of them knows the name', async () => {
    allSay(null, 0, one, two, three);
    expect(await located()).toMatchObject({ kind: 'invalid', cause: { code: 'UNKNOWN_MASTER' } });
    expect(failed).toHaveBeenCalledTimes(1);
  });

  test('is unknown where none of them answers', async () => {
    expect(await located(1_000)).toMatchObject({ kind: 'offline', message: expect.stringContaining(one) });
  });
});

describe('the sentinels', () => {
  test('that others name are asked too, and those that were replaced are forgotten', async () => {
    for (const sentinel of [one, two, three]) views.set(sentinel, { master: 'm:1', epoch: 1, others: ['s4:4'] });
    views.set('s4:4', { master: 'm:1', epoch: 1, others: [one, two, three] });
    await located();
    await located();
    expect(connector.links.some((link) => link.address === 's4:4')).toBe(true);
    for (const sentinel of [one, two, three]) views.set(sentinel, { master: 'm:1', epoch: 1, others: ['s5:5'] });
    views.set('s5:5', { master: 'm:1', epoch: 1, others: [] });
    views.delete('s4:4');
    for (let round = 0; round < 4; round += 1) await located(1_100);
    const opened = connector.links.filter((link) => link.address === 's4:4').length;
    for (let round = 0; round < 3; round += 1) await located(1_100);
    expect(connector.links.filter((link) => link.address === 's4:4')).toHaveLength(opened);
  });
});

describe('connections to a master that is replaced', () => {
  const events = { connected: jest.fn(), disconnected: jest.fn(), reconnecting: jest.fn(), failed: jest.fn() };

  function connection(role: 'writer' | 'control'): ServerConnection {
    return new ServerConnection({ connector, role, shard: topology.only, mastersOnly: true, events, failFast: false });
  }

  async function failOver(): Promise<void> {
    allSay('m:2', 2, one, two, three);
    connector.links.find((link) => link.subscriptions.size > 0)?.subscriptions.get('+switch-master')?.('main m 1 m 2');
    await turn();
  }

  test('what is under way is unknown, and whoever listens hears of it before anything is sent elsewhere', async () => {
    allSay('m:1', 1, one, two, three);
    const writer = connection('writer');
    const first = writer.command(['A'], 1_000).catch((error: { kind: string }) => error.kind);
    await openLinks();
    failedOver.mockImplementationOnce(() => {
      expect(connector.links.every((link) => link.address !== 'm:2')).toBe(true);
    });
    await failOver();
    expect(await first).toBe('unknown');
    expect(connector.to('m:1').destroyed).toBe(true);
    await jest.advanceTimersByTimeAsync(1);
    await openLinks();
    const second = writer.command(['B'], 1_000);
    await connector.to('m:2').answer('b');
    expect(await second).toBe('b');
    expect(connector.to('m:2').sent).toEqual([['B']]);
    writer.close();
  });

  test.each([
    ['writer', 'offline'],
    ['control', 'reply'],
  ] as const)('what waits for a %s is %s', async (role, expected) => {
    allSay('m:1', 1, one, two, three);
    await located();
    const waiting = connection(role);
    const answer = waiting.command(['A'], 5_000).catch((error: { kind: string }) => error.kind);
    // found, and not open yet
    await turn();
    await failOver();
    await jest.advanceTimersByTimeAsync(1);
    await openLinks();
    if (role === 'control') await connector.to('m:2').answer('reply');
    expect(await answer).toBe(expected);
    waiting.close();
  });

  test('a server that says that it is a replica is not used', async () => {
    allSay('m:1', 1, one, two, three);
    const writer = connection('writer');
    const opened = writer.opened(1).catch((error: { kind: string; message: string }) => error.message);
    await turn();
    for (const link of connector.links.filter(({ as }) => as === 'sentinel')) await link.open();
    connector.to('m:1').role = 'slave';
    await openLinks();
    expect(await opened).toMatch(/m:1 is a replica/);
    writer.close();
  });
});
