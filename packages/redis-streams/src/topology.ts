import type { Failover } from '@events/core';
import { ClusterTopology } from './cluster-topology.js';
import type { Connector } from './connector.js';
import type { RedisFailure } from './failures.js';
import { SentinelTopology } from './sentinel-topology.js';
import type { Shard } from './shard.js';
import { SingleServer } from './single-server.js';

/** What happens to a topology. */
export interface TopologyEvents {
  /** Another server is in charge; called before anything is sent to it. */
  failedOver(failover: Failover, reason: string): void;
  /** Nobody could say where the servers are, for the first time since somebody could. */
  failed(failure: RedisFailure): void;
}

/** Where the servers are, and where they go. */
export interface Topology {
  /** For messages: `host:port`, or what they are found by. */
  readonly description: string;
  /** What to check when it cannot be used. Follows a sentence. */
  readonly advice: string;
  /** Whether a server must say that it is a master before anything is sent to it. */
  readonly mastersOnly: boolean;
  /** The shard that holds everything; `undefined` in a cluster. */
  readonly only: Shard | undefined;
  /** One of the shards, as soon as one is known. */
  any(): Shard | undefined;
  /** Watches the servers until what it returns has been called, as often as this. */
  hold(): () => void;
}

/** What the connector's origin leads to. */
export function topologyOf(connector: Connector, events: TopologyEvents): Topology {
  const { origin } = connector;
  if (origin.kind === 'server') return new SingleServer(origin.at);
  return origin.kind === 'sentinel'
    ? new SentinelTopology(connector, origin, events)
    : new ClusterTopology(connector, origin, events);
}
