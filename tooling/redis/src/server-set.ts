import { type FaultProxy, startFaultProxy } from './fault-proxy.js';
import type { ControlUser } from './redis-configuration.js';
import type { NodeAddressMap, RedisAddress, RedisSetOptions } from './redis-options.js';
import type { RedisServer } from './redis-server.js';

const minReplicasMaxLagSeconds = 2;

/** The address that a server has within its set, and that it tells clients. */
export function setAddress(server: RedisServer): RedisAddress {
  return { host: server.host, port: server.tls?.port ?? server.port };
}

/** Whether a server can answer. */
export function isLive(server: RedisServer): boolean {
  return server.running && !server.frozen;
}

/** The lines of an answer such as INFO gives it: `name:value`. */
export function fieldsOf(text: unknown): Map<string, string> {
  const lines = String(text).split('\r\n');
  return new Map(lines.map((line) => line.split(/:(.*)/s, 2) as [string, string]));
}

/** Directives of a server that takes part in replication. Links are made as the control user, whatever the passwords are. */
export function replicationDirectives(options: RedisSetOptions, control: ControlUser): string[] {
  const directives = [
    `masteruser ${control.username}`,
    `masterauth ${control.password}`,
    'repl-diskless-sync yes',
    'repl-diskless-sync-delay 0',
    // A replica waits for the next tick of its master's timer before and after each full synchronization.
    'hz 50',
  ];
  if (options.tls === true) directives.push('tls-replication yes');
  if (options.minReplicasToWrite !== undefined) {
    directives.push(
      `min-replicas-to-write ${options.minReplicasToWrite}`,
      `min-replicas-max-lag ${minReplicasMaxLagSeconds}`,
    );
  }
  return directives;
}

/** Servers that belong together, as clients see them: directly, or each through a proxy of its own. */
export class ServerSet {
  readonly nodeAddressMap: NodeAddressMap;
  readonly #map: Record<string, RedisAddress> = {};
  readonly #proxies = new Map<RedisServer, FaultProxy>();

  constructor() {
    this.nodeAddressMap = this.#map;
  }

  async addProxy(server: RedisServer): Promise<void> {
    const proxy = await startFaultProxy({ target: server.tls ?? server });
    const { host, port } = setAddress(server);
    this.#proxies.set(server, proxy);
    this.#map[`${host}:${port}`] = { host: proxy.host, port: proxy.port };
  }

  /** @throws Error when there is none. */
  proxyOf(server: RedisServer): FaultProxy {
    const proxy = this.#proxies.get(server);
    if (proxy === undefined) throw new Error(`No proxy stands before ${server.host}:${server.port}`);
    return proxy;
  }

  /** Where clients find the server. */
  addressOf(server: RedisServer): RedisAddress {
    const proxy = this.#proxies.get(server);
    return proxy === undefined ? setAddress(server) : { host: proxy.host, port: proxy.port };
  }

  async remove(server: RedisServer): Promise<void> {
    const { host, port } = setAddress(server);
    await Promise.all([server.stop(), this.#proxies.get(server)?.close()]);
    this.#proxies.delete(server);
    delete this.#map[`${host}:${port}`];
  }

  async stop(servers: readonly RedisServer[]): Promise<void> {
    await Promise.all(servers.map((server) => this.remove(server)));
  }
}

/** Closes the link of a replica to its master, which then refuses it. */
export async function cutReplication(replica: RedisServer): Promise<void> {
  await replica.command('CONFIG', 'SET', 'masterauth', 'cut off');
  await replica.command('CLIENT', 'KILL', 'TYPE', 'master');
}

/** Lets a replica that was cut off link again, which takes it up to a second. */
export async function restoreReplication(replica: RedisServer, control: ControlUser): Promise<void> {
  await replica.command('CONFIG', 'SET', 'masterauth', control.password);
}

/** Asks several servers the same, those that fail counting as having no answer. */
export async function answersOf<T>(
  servers: readonly RedisServer[],
  ask: (server: RedisServer) => Promise<T>,
): Promise<T[]> {
  const outcomes = await Promise.allSettled(servers.filter(isLive).map((server) => ask(server)));
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}
