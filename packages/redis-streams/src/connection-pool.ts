import calculateSlot from 'cluster-key-slot';
import { ClusterTopology } from './cluster-topology.js';
import type { Connection } from './connection.js';
import type { Role } from './connector.js';
import { closedFailure, offline } from './failures.js';
import type { ServerConnection } from './server-connection.js';
import type { Shard } from './shard.js';
import { SlotRoute } from './slot-route.js';
import type { Topology } from './topology.js';

/** A share in connections, taken on its first use. */
export interface ConnectionLease {
  /**
   * Where commands about `stream` go, and without one to any master: the same object for all streams of which commands
   * may be sent together. Throws a `closed` failure once this share, or all of them, ended.
   */
  connection(stream?: string): Connection;
  /** The connection to the server that `shard` is at. */
  connectionTo(shard: Shard): Connection;
  /** Gives the share up; the last one closes the connections. Idempotent. */
  release(): void;
}

/** What connections of one role are made of. */
export interface PoolOptions {
  readonly topology: Topology;
  readonly role: Role;
  readonly failFast: boolean;
  open(shard: Shard): ServerConnection;
}

/** The connections of one role that several handles share, one to each shard: there while at least one of them needs them. */
export class SharedConnections {
  readonly #options: PoolOptions;
  #shards: ShardConnections | undefined;
  #holders = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  lease(): ConnectionLease {
    let held: ShardConnections | undefined;
    let released = false;
    const connections = () => {
      if (released || this.#closed) throw closedFailure('handle');
      held ??= this.#acquire();
      return held;
    };
    return {
      connection: (stream) => connections().about(stream),
      connectionTo: (shard) => connections().to(shard),
      release: () => {
        released = true;
        if (held !== undefined) this.#release();
        held = undefined;
      },
    };
  }

  /** Closes the connections, whoever uses them. */
  close(): void {
    this.#closed = true;
    this.#shards?.close();
    this.#shards = undefined;
  }

  #acquire(): ShardConnections {
    this.#holders += 1;
    this.#shards ??= new ShardConnections(this.#options);
    return this.#shards;
  }

  #release(): void {
    this.#holders -= 1;
    if (this.#holders > 0) return;
    this.#shards?.close();
    this.#shards = undefined;
  }
}

/** One connection to each shard that is used, and in a cluster the ways to its slots. */
export class ShardConnections {
  readonly #options: PoolOptions;
  readonly #only: ServerConnection | undefined;
  readonly #connections = new Map<Shard, ServerConnection>();
  readonly #routes = new Map<number, SlotRoute>();
  readonly #endHold: () => void;
  readonly #endRetirement: () => void;
  #closed = false;

  constructor(options: PoolOptions) {
    const { topology } = options;
    this.#options = options;
    this.#endHold = topology.hold();
    this.#endRetirement =
      topology instanceof ClusterTopology ? topology.onRetirement((shard) => this.#leave(shard)) : () => {};
    if (topology.only !== undefined) this.#only = this.to(topology.only);
  }

  about(stream = ''): Connection {
    return this.#only ?? this.#route(calculateSlot(stream));
  }

  to(shard: Shard): ServerConnection {
    if (this.#closed) throw closedFailure('connection');
    let connection = this.#connections.get(shard);
    if (connection === undefined) {
      connection = this.#options.open(shard);
      this.#connections.set(shard, connection);
    }
    return connection;
  }

  /** Closes all but the connection to `shard`. */
  keepOnly(shard: Shard): void {
    for (const other of [...this.#connections.keys()]) if (other !== shard) this.#leave(other);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#endRetirement();
    for (const connection of this.#connections.values()) connection.close();
    for (const route of this.#routes.values()) route.close();
    this.#endHold();
  }

  #route(slot: number): SlotRoute {
    let route = this.#routes.get(slot);
    if (route === undefined) {
      const { topology, role, failFast } = this.#options;
      const connectionTo = (shard: Shard) => this.to(shard);
      route = new SlotRoute({ topology: topology as ClusterTopology, slot, role, failFast, connectionTo });
      this.#routes.set(slot, route);
    }
    return route;
  }

  #leave(shard: Shard): void {
    this.#connections.get(shard)?.close(offline('The node is no longer part of the cluster'));
    this.#connections.delete(shard);
  }
}
