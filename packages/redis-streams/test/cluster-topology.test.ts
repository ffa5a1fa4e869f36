import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import calculateSlot from 'cluster-key-slot';
import { ClusterTopology } from '../src/cluster-topology.js';
import type { Connection } from '../src/connection.js';
import { type ConnectionLease, SharedConnections } from '../src/connection-pool.js';
import type { Command } from '../src/index.js';
import { ServerConnection } from '../src/server-connection.js';
import { errorReply, FakeConnector, type FakeLink, turn } from './fake-connector.js';

/** In the slots of the first node, and of the second one. */
const [here, there] = ['orders', 'payments'].sort((a, b) => calculateSlot(a) - calculateSlot(b)) as [string, string];
const slot = calculateSlot(here);
const middle = Math.floor((slot + calculateSlot(there)) / 2);

/** First slot, last slot, master, replicas. */
type Range = readonly [number, number, ...string[]];

let ranges: readonly Range[];
let epoch: number;
let silent: ReadonlySet<string>;
let connector: FakeConnector;
let topology: ClusterTopology;
let writers: SharedConnections;
let lease: ConnectionLease;
const failedOver = jest.fn();
const failed = jest.fn();

function say(command: Command, link: FakeLink): unknown {
  if (command[0] !== 'CLUSTER' || silent.has(link.address)) return undefined;
  if (command[1] === 'INFO') return `cluster_state:ok\r\ncluster_current_epoch:${epoch}\r\n`;
  return ranges.map(([first, last, ...nodes]) => [
    first,
    last,
    ...nodes.map((node) => [...node.split(':').map(portOf), `id-${node}`]),
  ]);
}

function portOf(part: string, index: number): unknown {
  return index === 1 ? Number(part) : part;
}

async function openLinks(): Promise<void> {
  for (let round = 0; round < 4; round += 1) for (const link of connector.links) await link.open();
}

/** The kind of each answer, or the reply. */
function outcomes(connection: Connection, commands: readonly Command[], withinMs = 2_000): Promise<readonly unknown[]> {
  return connection.exchange(commands, withinMs).then(
    (replies) => replies.map((reply) => (reply as { kind?: string } | null)?.kind ?? reply),
    (error: { kind: string }) => [error.kind],
  );
}

function pool(role: 'writer' | 'control'): SharedConnections {
  const events = { connected: jest.fn(), disconnected: jest.fn(), reconnecting: jest.fn(), failed: jest.fn() };
  const options = { connector, role, mastersOnly: true, events, failFast: false };
  return new SharedConnections({
    topology,
    role,
    failFast: false,
    open: (shard) => new ServerConnection({ ...options, shard }),
  });
}

beforeEach(async () => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
  jest.clearAllMocks();
  silent = new Set();
  epoch = 2;
  ranges = [
    [0, middle, 'a:1', 'r:3'],
    [middle + 1, 16_383, 'b:2'],
  ];
  const origin = { kind: 'cluster', at: [{ host: 'a', port: 1 }], mapAddress: () => undefined } as const;
  connector = new FakeConnector(origin);
  connector.reply = say;
  topology = new ClusterTopology(connector, origin, { failedOver, failed });
  writers = pool('writer');
  lease = writers.lease();
});

afterEach(async () => {
  writers.close();
  await turn();
  expect(connector.links.filter((link) => !link.destroyed)).toEqual([]);
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

/** The way to `stream`, open. */
async function way(stream: string): Promise<Connection> {
  const connection = lease.connection(stream);
  const opened = connection.opened(3);
  await openLinks();
  await opened;
  return connection;
}

describe('the way to a slot', () => {
  test('is the same for all streams of the slot, and leads to the node that owns it', async () => {
    const connection = await way(here);
    expect(lease.connection(`{${here}}:other`)).toBe(connection);
    expect(lease.connection(there)).not.toBe(connection);
    const reply = outcomes(connection, [['A']]);
    await connector.to('a:1').answer('a');
    expect(await reply).toEqual(['a']);
  });

  test('before anything is known: calls wait, and are sent in their order', async () => {
    const connection = lease.connection(here);
    const replies = [outcomes(connection, [['A']]), outcomes(connection, [['B']])];
    expect(connector.links).toHaveLength(1);
    await openLinks();
    expect(connector.to('a:1').sent).toEqual([['A'], ['B']]);
    await connector.to('a:1').answer('a', 'b');
    expect(await Promise.all(replies)).toEqual([['a'], ['b']]);
  });

  test('where nobody says who owns what: offline in time, with the reason', async () => {
    silent = new Set(['a:1']);
    const reply = lease.connection(here).command(['A'], 1_500);
    const checked = expect(reply).rejects.toMatchObject({
      kind: 'offline',
      message: expect.stringMatching(/cluster of a:1.*did not answer/),
    });
    await jest.advanceTimersByTimeAsync(1_500);
    await checked;
    expect(failed).toHaveBeenCalledTimes(1);
  });
});

describe('a slot that has moved', () => {
  const moved = errorReply(`MOVED ${slot} b:2`);

  test('takes with it what was refused, in the order of the calls, and before what came later', async () => {
    const connection = await way(here);
    await way(there);
    const first = outcomes(connection, [['A1'], ['A2']]);
    const second = outcomes(connection, [['B']]);
    await connector.to('a:1').answer('a1', moved);
    const third = outcomes(connection, [['C']]);
    expect(connector.to('b:2').sent).toEqual([]);
    await connector.to('a:1').answer(moved);
    expect(connector.to('b:2').sent).toEqual([['A2'], ['B'], ['C']]);
    await connector.to('b:2').answer('a2', 'b', 'c');
    expect(await Promise.all([first, second, third])).toEqual([['a1', 'a2'], ['b'], ['c']]);
    expect(connector.to('a:1').sent).toEqual([['A1'], ['A2'], ['B']]);
    expect(failedOver).not.toHaveBeenCalled();
  });

  test('is not overtaken by what comes when the map knows of the move and the old owner has not answered yet', async () => {
    const connection = await way(here);
    await way(there);
    const first = outcomes(connection, [['A']]);
    epoch = 3;
    ranges = [
      [0, slot - 1, 'a:1', 'r:3'],
      [slot, slot, 'b:2'],
      [slot + 1, middle, 'a:1', 'r:3'],
      [middle + 1, 16_383, 'b:2'],
    ];
    topology.suspect();
    for (let round = 0; round < 10; round += 1) {
      await jest.advanceTimersByTimeAsync(100);
      await openLinks();
    }
    const second = outcomes(connection, [['B']]);
    expect(connector.to('b:2').sent).toEqual([]);
    await connector.to('a:1').answer(moved);
    expect(connector.to('b:2').sent).toEqual([['A'], ['B']]);
    await connector.to('b:2').answer('a', 'b');
    expect(await Promise.all([first, second])).toEqual([['a'], ['b']]);
  });

  test('where a node does not know its own name, is at the host that was asked', async () => {
    const connection = await way(here);
    const reply = outcomes(connection, [['A']]);
    epoch = 3;
    ranges = [[0, slot, 'a:9'], [slot + 1, middle, 'a:1', 'r:3'], ...ranges.slice(1)];
    await connector.to('a:1').answer(errorReply(`MOVED ${slot} :9`));
    await openLinks();
    await connector.to('a:9').answer('a');
    expect(await reply).toEqual(['a']);
  });

  test('to a node that was not known is followed after the map says so', async () => {
    const connection = await way(here);
    const reply = outcomes(connection, [['A']]);
    epoch = 3;
    ranges = [[0, slot, 'n:9'], [slot + 1, middle, 'a:1', 'r:3'], ...ranges.slice(1)];
    await connector.to('a:1').answer(errorReply(`MOVED ${slot} n:9`));
    await openLinks();
    await connector.to('n:9').answer('a');
    expect(await reply).toEqual(['a']);
    expect(failedOver).not.toHaveBeenCalled();
  });

  test('is not followed for ever', async () => {
    const connection = await way(here);
    await way(there);
    const reply = outcomes(connection, [['A']]);
    for (let round = 0; round < 3; round += 1) {
      await connector.to('a:1').answer(moved);
      await connector.to('b:2').answer(errorReply(`MOVED ${slot} a:1`));
    }
    expect(await reply).toEqual(['refused']);
  });

  test('has its WAIT repeated at its new owner; the lesser answer counts, unless the first means nothing', async () => {
    const connection = await way(here);
    await way(there);
    const some = outcomes(connection, [['A'], ['B'], ['WAIT', '1', '100']]);
    await connector.to('a:1').answer('a', moved, 1);
    expect(connector.to('b:2').sent).toEqual([['B'], ['WAIT', '1', '100']]);
    await connector.to('b:2').answer('b', 2);
    expect(await some).toEqual(['a', 'b', 1]);
    const all = outcomes(connection, [['C'], ['WAITAOF', '1', '1', '100']]);
    await connector.to('b:2').answer(errorReply(`MOVED ${slot} a:1`), [0, 0]);
    await connector.to('a:1').answer('c', [1, 1]);
    expect(await all).toEqual(['c', [1, 1]]);
  });

  test('is asked for at its future owner while its keys move, each command behind ASKING', async () => {
    const connection = await way(here);
    await way(there);
    const reply = outcomes(connection, [['A'], ['B']]);
    const ask = errorReply(`ASK ${slot} b:2`);
    await connector.to('a:1').answer(ask, ask);
    expect(connector.to('b:2').sent).toEqual([['ASKING'], ['A'], ['ASKING'], ['B']]);
    await connector.to('b:2').answer('OK', 'a', 'OK', 'b');
    expect(await reply).toEqual(['a', 'b']);
    // the owner is still the owner
    const next = outcomes(connection, [['C']]);
    expect(connector.to('a:1').sent.at(-1)).toEqual(['C']);
    await connector.to('a:1').answer('c');
    expect(await next).toEqual(['c']);
  });

  test.each(['TRYAGAIN Multiple keys', 'CLUSTERDOWN The cluster is down'])(
    '%s is an answer, and not repeated here',
    async (text) => {
      const connection = await way(here);
      const reply = outcomes(connection, [['A']]);
      await connector.to('a:1').answer(errorReply(text));
      expect(await reply).toEqual(['offline']);
      expect(connector.to('a:1').sent).toEqual([['A']]);
    },
  );

  test('while what is under way is not answered: waits no longer than it may', async () => {
    const connection = await way(here);
    await way(there);
    const slow = outcomes(connection, [['A']], 1_000);
    const quick = outcomes(connection, [['B'], ['C']], 1_000);
    await jest.advanceTimersByTimeAsync(600);
    const held = outcomes(connection, [['D']], 300);
    await connector.to('a:1').answer(moved);
    const later = outcomes(connection, [['E']], 300);
    await jest.advanceTimersByTimeAsync(301);
    expect(await later).toEqual(['offline']);
    expect(await held).toEqual(['unknown']);
    await jest.advanceTimersByTimeAsync(100);
    expect(await quick).toEqual(['unknown', 'unknown']);
    await openLinks();
    await jest.advanceTimersByTimeAsync(300);
    expect(await slow).toEqual([expect.stringMatching(/refused|unknown|offline/)]);
  });
});

describe('a master that is replaced', () => {
  function promote(): void {
    epoch = 3;
    ranges = [[0, middle, 'r:3'], ...ranges.slice(1)];
  }

  test('takes nothing to the next one that was to be stored: that is told first', async () => {
    const connection = await way(here);
    const reply = outcomes(connection, [['A']]);
    promote();
    failedOver.mockImplementationOnce((failover) => {
      const { concerns } = failover as { concerns(stream: string): boolean };
      expect([concerns(here), concerns(there)]).toEqual([true, false]);
      expect(connector.links.some((link) => link.address === 'r:3' && !link.isInformant)).toBe(false);
    });
    await connector.to('a:1').answer(errorReply(`MOVED ${slot} r:3`));
    await openLinks();
    expect(await reply).toEqual(['refused']);
    expect(failedOver).toHaveBeenCalledTimes(1);
    expect(failedOver.mock.calls[0]?.[0]).toMatchObject({ from: 'a:1', to: 'r:3' });
    await jest.advanceTimersByTimeAsync(1);
    await openLinks();
    const next = outcomes(connection, [['B']]);
    await connector.to('r:3').answer('b');
    expect(await next).toEqual(['b']);
    expect(connector.to('r:3').sent).toEqual([['B']]);
  });

  test('is found by looking, when it says nothing any more', async () => {
    const connection = await way(here);
    promote();
    silent = new Set(['a:1']);
    for (let round = 0; round < 14; round += 1) {
      await jest.advanceTimersByTimeAsync(500);
      await openLinks();
    }
    expect(failedOver).toHaveBeenCalledTimes(1);
    expect(connector.to('a:1').destroyed).toBe(true);
    const reply = outcomes(connection, [['A']]);
    await connector.to('r:3').answer('a');
    expect(await reply).toEqual(['a']);
  });

  test('is not believed when it tells of its own time', async () => {
    await way(here);
    promote();
    const found = topology.movedTo(slot, { code: 'MOVED', slot, host: 'r', port: '3' });
    await openLinks();
    await found;
    expect(failedOver).toHaveBeenCalledTimes(1);
    epoch = 2;
    ranges = [[0, middle, 'a:1'], ...ranges.slice(1)];
    topology.suspect();
    for (let round = 0; round < 3; round += 1) {
      await jest.advanceTimersByTimeAsync(500);
      await openLinks();
    }
    expect(failedOver).toHaveBeenCalledTimes(1);
    expect(topology.shardOf(slot)?.endpoint).toEqual({ host: 'r', port: 3 });
  });

  test('what controls follows it at once', async () => {
    const controls = pool('control');
    const control = controls.lease().connection(here);
    const opened = control.opened(1);
    await openLinks();
    await opened;
    const reply = outcomes(control, [['A']]);
    promote();
    await connector.to('a:1').answer(errorReply(`MOVED ${slot} r:3`));
    await openLinks();
    await jest.advanceTimersByTimeAsync(1);
    await openLinks();
    await connector.to('r:3').answer('a');
    expect(await reply).toEqual(['a']);
    controls.close();
  });
});
