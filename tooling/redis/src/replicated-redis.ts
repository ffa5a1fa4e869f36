import { type FaultProxy, startFaultProxy } from './fault-proxy.js';
import type { ControlUser } from './redis-configuration.js';
import type { NodeAddressMap, RedisAddress } from './redis-options.js';
import type { RedisServer } from './redis-server.js';
import { replicationRole } from './replication-role.js';
import { sentinelView } from './sentinel-view.js';
import { answersOf, cutReplication, isLive, restoreReplication, ServerSet, setAddress } from './server-set.js';
import { until } from './until.js';

/** How long a set may take. */
export interface SettleOptions {
  /** Milliseconds. Default 30,000. */
  timeoutMs?: number;
}

const defaultSettleTimeoutMs = 30_000;

// For so long sentinels leave a replica alone that follows a proxy instead of the master they know.
const proxiedFailoverTimeoutMs = 60_000;

/** A master, its replicas and their sentinels, which `startReplicated` has started. */
export class ReplicatedRedis {
  /** Under which the sentinels know the master. */
  readonly name: string;
  /** The servers with data, the first being the first master. */
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
  /** Certificate of the authority in PEM, with `tls`. */
  readonly ca: string | undefined;
  readonly #control: ControlUser;
  readonly #failoverTimeoutMs: number;
  readonly #set = new ServerSet();
  readonly #links = new Map<RedisServer, FaultProxy>();

  /** @internal Use `startReplicated`. */
  constructor(parts: {
    name: string;
    control: ControlUser;
    servers: readonly RedisServer[];
    sentinels: readonly RedisServer[];
    failoverTimeoutMs: number;
  }) {
    this.name = parts.name;
    this.servers = parts.servers;
    this.sentinels = parts.sentinels;
    this.ca = parts.servers[0]?.tls?.ca;
    this.#control = parts.control;
    this.#failoverTimeoutMs = parts.failoverTimeoutMs;
  }

  /** Where clients find the servers, in the order of `servers`: proxies, with `proxied`. */
  get addresses(): readonly RedisAddress[] {
    return this.servers.map((server) => this.#set.addressOf(server));
  }

  /** Where clients find the sentinels: proxies, with `proxied`. */
  get sentinelAddresses(): readonly RedisAddress[] {
    return this.sentinels.map((sentinel) => this.#set.addressOf(sentinel));
  }

  /** From the `host:port` that sentinels tell to the proxy before it, sentinels included. Empty unless `proxied`. */
  get nodeAddressMap(): NodeAddressMap {
    return this.#set.nodeAddressMap;
  }

  /** The proxy between clients and this server or sentinel. @throws Error unless `proxied`. */
  proxyOf(server: RedisServer): FaultProxy {
    return this.#set.proxyOf(server);
  }

  /** @internal */
  async addProxies(): Promise<void> {
    for (const server of [...this.servers, ...this.sentinels]) await this.#set.addProxy(server);
  }

  /**
   * The server that most of the live sentinels name; without sentinels the one that says so itself.
   *
   * @throws Error when there is none.
   */
  async master(): Promise<RedisServer> {
    const votes = new Map<RedisServer, number>();
    for (const server of await this.#named()) votes.set(server, (votes.get(server) ?? 0) + 1);
    const [best] = [...votes].sort(([, one], [, other]) => other - one);
    if (best === undefined) throw new Error('No live server is named as the master');
    return best[0];
  }

  /** The live servers that follow the master. */
  async replicas(): Promise<RedisServer[]> {
    const master = await this.master();
    const followers = await answersOf(this.servers, async (server) => {
      const { masterPort } = await replicationRole(server);
      return masterPort !== undefined && this.#leadsTo(server, masterPort, master) ? [server] : [];
    });
    return followers.flat();
  }

  /**
   * Has a sentinel replace the master at once, live or not, without waiting until a majority finds it down. Resolves with
   * the new master when every live sentinel names it and it is a master.
   *
   * @throws Error when that takes longer than `timeoutMs`.
   */
  async failover(options: SettleOptions = {}): Promise<RedisServer> {
    const { timeoutMs = defaultSettleTimeoutMs } = options;
    const old = await this.master();
    let begun = false;
    return until(
      async () => {
        const [first, ...others] = await this.#named();
        if (first !== undefined && first !== old && others.every((server) => server === first)) {
          return (await replicationRole(first)).role === 'master' ? first : undefined;
        }
        if (!begun) {
          await this.#liveSentinel().command('SENTINEL', 'FAILOVER', this.name);
          begun = true;
        }
        return undefined;
      },
      { timeoutMs, intervalMs: 10, message: `another master than that on port ${old.port}` },
    );
  }

  /**
   * Resolves with the master when all that run, and are not frozen, agree: the sentinels name the same master, and every
   * other server is its replica and linked.
   *
   * @throws Error when it takes longer, with what was missing.
   */
  async waitUntilSettled(options: SettleOptions = {}): Promise<RedisServer> {
    const { timeoutMs = defaultSettleTimeoutMs } = options;
    let missing = 'an answer';
    const settled = async () => {
      const [master, ...others] = await this.#named();
      if (master === undefined || others.some((other) => other !== master)) {
        missing = 'one master';
        return undefined;
      }
      const lacks = [...(await this.#missingReplication(master)), ...(await this.#missingSentinels(master))];
      missing = lacks.join(', ');
      return lacks.length === 0 ? master : undefined;
    };
    return until(settled, { timeoutMs, intervalMs: 10, message: () => `the set to settle, which lacks ${missing}` });
  }

  /** Closes the link of a replica and has every master refuse it until `restoreReplication()`, so that it stays behind. */
  async cutReplication(replica: RedisServer): Promise<void> {
    await cutReplication(replica);
  }

  /**
   * Puts a proxy between a replica and its present master and resolves when they are linked through it. In a black hole
   * the link looks healthy to both, and nothing arrives. Sentinels leave it alone for a minute, and end it at a failover.
   */
  async proxyReplication(replica: RedisServer): Promise<FaultProxy> {
    const master = await this.master();
    await this.#setFailoverTimeout(proxiedFailoverTimeoutMs);
    const proxy = await startFaultProxy({ target: master.tls ?? master });
    const former = this.#links.get(replica);
    this.#links.set(replica, proxy);
    await former?.close();
    await replica.command('REPLICAOF', proxy.host, proxy.port);
    await until(
      async () => {
        const { masterPort, linked } = await replicationRole(replica);
        return masterPort === proxy.port && linked;
      },
      { message: `the replica on port ${replica.port} to be linked through the proxy` },
    );
    return proxy;
  }

  /** Ends what `cutReplication()` and `proxyReplication()` did to a live replica; its link is up again within a second or so. */
  async restoreReplication(replica: RedisServer): Promise<void> {
    await restoreReplication(replica, this.#control);
    const proxy = this.#links.get(replica);
    if (proxy === undefined) return;
    if ((await replicationRole(replica)).masterPort === proxy.port) {
      const { host, port } = setAddress(await this.master());
      await replica.command('REPLICAOF', host, port);
    }
    this.#links.delete(replica);
    await proxy.close();
    if (this.#links.size === 0) await this.#setFailoverTimeout(this.#failoverTimeoutMs);
  }

  /** Ends all processes, frozen or not, closes all proxies and removes all directories. */
  async stop(): Promise<void> {
    const links = [...this.#links.values()];
    await Promise.all([this.#set.stop([...this.sentinels, ...this.servers]), ...links.map((proxy) => proxy.close())]);
  }

  #liveSentinel(): RedisServer {
    const sentinel = this.sentinels.find(isLive);
    if (sentinel === undefined) throw new Error('No sentinel is live');
    return sentinel;
  }

  /** The master in the eyes of each live sentinel. */
  async #named(): Promise<RedisServer[]> {
    if (this.sentinels.length === 0) {
      const roles = await answersOf(this.servers, async (server) => ({ server, ...(await replicationRole(server)) }));
      return roles.filter(({ role }) => role === 'master').map(({ server }) => server);
    }
    const ports = await answersOf(this.sentinels, async (sentinel) => {
      const address = (await sentinel.command('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.name)) as [string, string];
      return Number(address[1]);
    });
    return ports.flatMap((port) => this.servers.find((server) => setAddress(server).port === port) ?? []);
  }

  #leadsTo(replica: RedisServer, masterPort: number, master: RedisServer): boolean {
    return masterPort === setAddress(master).port || masterPort === this.#links.get(replica)?.port;
  }

  async #missingReplication(master: RedisServer): Promise<string[]> {
    const { role, onlinePorts } = await replicationRole(master);
    if (role !== 'master') return [`the role of the master on port ${master.port}`];
    const lacks: string[] = [];
    for (const replica of this.servers.filter((server) => server !== master && isLive(server))) {
      const { masterPort, linked } = await replicationRole(replica);
      const online = onlinePorts.includes(setAddress(replica).port);
      const follows = masterPort !== undefined && this.#leadsTo(replica, masterPort, master);
      if (!follows || !linked || !online) lacks.push(`the link of the replica on port ${replica.port}`);
    }
    return lacks;
  }

  async #missingSentinels(master: RedisServer): Promise<string[]> {
    const lacks: string[] = [];
    for (const sentinel of this.sentinels.filter(isLive)) {
      const view = await sentinelView(sentinel, this.name);
      const replicas = this.servers.filter((server) => server !== master && isLive(server));
      const agrees =
        view.masterFlags === 'master' &&
        view.otherSentinels === this.sentinels.length - 1 &&
        replicas.every((replica) => view.replicaFlags.get(setAddress(replica).port) === 'slave');
      if (!agrees) lacks.push(`the sentinel on port ${sentinel.port}`);
    }
    return lacks;
  }

  async #setFailoverTimeout(milliseconds: number): Promise<void> {
    await answersOf(this.sentinels, (sentinel) =>
      sentinel.command('SENTINEL', 'SET', this.name, 'failover-timeout', milliseconds),
    );
  }
}
