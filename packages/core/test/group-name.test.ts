import { describe, expect, test } from '@jest/globals';
import { type ConsumerOptions, EventConsumer } from '../src/index.js';
import { StubTransport } from './support/stub-transport.js';

function groupOf(options: Partial<ConsumerOptions>): string {
  return new EventConsumer({ transport: new StubTransport(), stream: 'orders', ...options }).group;
}

describe('a group is named', () => {
  test.each<[string, Partial<ConsumerOptions>, string]>([
    ['as it is given', { group: 'billing' }, 'billing'],
    ['as it is given, by the strategy that says so', { group: 'a:b', groupNamingStrategy: 'custom' }, 'a:b'],
    ['after the service', { groupNamingStrategy: 'service-name', serviceName: 'billing' }, 'billing'],
    [
      'by a function of the options',
      {
        streamPrefix: 'prod',
        serviceName: 'billing',
        group: 'eu',
        groupNamingStrategy: ({ streams, streamPrefix, serviceName, group }) =>
          [streamPrefix, ...streams, serviceName, group].join('.'),
      },
      'prod.orders.billing.eu',
    ],
  ])('%s', (_name, options, group) => expect(groupOf(options)).toBe(group));

  test.each<[string, Partial<ConsumerOptions>, string]>([
    ['nothing at all', {}, 'group undefined'],
    ['a service name that nothing uses', { group: 'a', serviceName: 'b' }, 'serviceName is for'],
    ['no service name', { groupNamingStrategy: 'service-name' }, "needs 'serviceName'"],
    ['two names', { groupNamingStrategy: 'service-name', serviceName: 'a', group: 'b' }, 'group contradicts'],
    ['an empty service name', { groupNamingStrategy: 'service-name', serviceName: '' }, 'not empty'],
    ['a service name that no group can have', { groupNamingStrategy: 'service-name', serviceName: 'a b' }, '"a b"'],
    ['another strategy', { groupNamingStrategy: 'random' as never }, "'custom', 'service-name' or a function"],
    ['a function that names nothing', { groupNamingStrategy: () => undefined as never }, 'group undefined'],
    [
      'no creation and a place to begin',
      { group: 'a', autoCreateGroup: false, startFrom: 'latest' },
      'startFrom contradicts',
    ],
    [
      'no creation and healing',
      { group: 'a', autoCreateGroup: false, onGroupLost: 'resume' },
      'onGroupLost contradicts',
    ],
    ['creation by name', { group: 'a', autoCreateGroup: 'no' as never }, 'autoCreateGroup'],
    ['cleaning without a time', { group: 'a', cleanupUnusedGroups: {} as never }, 'cleanupUnusedGroups.idleMs'],
    [
      'cleaning what may be alive',
      { group: 'a', cleanupUnusedGroups: { idleMs: 9_999 } },
      'cleanupUnusedGroups.idleMs',
    ],
    ['cleaning always', { group: 'a', cleanupUnusedGroups: true as never }, 'false or { idleMs }'],
    ['a seal without a prefix', { group: 'a', environmentSeal: true }, "needs 'streamPrefix'"],
    ['a seal by name', { group: 'a', streamPrefix: 'p', environmentSeal: 'prod' as never }, 'environmentSeal'],
  ])('%s is refused', (_name, options, message) => {
    expect(() => groupOf(options)).toThrow(
      expect.objectContaining({ code: 'EVENTS_OPTIONS', message: expect.stringContaining(message) }),
    );
  });
});
