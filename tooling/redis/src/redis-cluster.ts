import { agreementOf, type ClusterNodeView, clusterView, owns } from './cluster-view.js';
import type { FaultProxy } from './fault-proxy.js';
import { keySlot } from './key-slot.js';
import type { ControlUser } from './redis-configuration.js';
import type { NodeAddressMap, RedisAddress } from './redis-options.js';
import type { RedisServer } from './redis-server.js';
import type { SettleOptions } from './replicated-redis.js';
import { replicationRole } from './replication-role.js';
import {
  answersOf,
  cutReplication,
  fieldsOf,
  isLive,
  restoreReplication,
  ServerSet,
  setAddress,
} from './server-set.js';
import { SlotMigration } from './slot-migration.js';
import { until } from './until.js';

/** How a slot is moved. */
export interface MoveSlotOptions {
  /** Keys that move at a time. Default 10. */
  keysPerStep?: number;
  /** Called before each step with its number, 0 being the first, and once more before the slot changes its owner. */
  beforeStep?: (step: number) => unknown;
}

const defaultSettleTimeoutMs = 30_000;

/** The nodes of a cluster that `startCluster` has started. */
export class RedisCluster {
  /** Certificate of the authority in PEM, with `tls`. */
  readonly ca: string | undefined;
  readonly #nodes: RedisServer[];
  readonly #ids = new Map<RedisServer, string>();
  readonly #control: ControlUser;
  readonly #launchNode: () => Promise<RedisServer>;
  readonly #proxied: boolean;
  readonly #set = new ServerSet();

  /** @internal Use `startCluster`. */
  constructor(parts: {
    control: ControlUser;
    nodes: readonly RedisServer[];
    launchNode: () => Promise<RedisServer>;
    proxied: boolean;
  }) {
    this.#control = parts.control;
    this.#nodes = [...parts.nodes];
    this.#launchNode = parts.launchNode;
    this.#proxied = parts.proxied;
    this.ca = parts.nodes[0]?.tls?.ca;
  }

  /** All nodes, those that were killed and those that were added included; at the start the masters come first. */
  get nodes(): readonly RedisServer[] {
    return this.#nodes;
  }

  /** Where clients find the nodes, in the order of `nodes`: proxies, with `proxied`. */
  get addresses(): readonly RedisAddress[] {
    return this.#nodes.map((node) => this.#set.addressOf(node));
  }

  /** From the `host:port` that nodes tell to the proxy before it. The same object for ever, also when nodes are added. */
  get nodeAddressMap(): NodeAddressMap {
    return this.#set.nodeAddressMap;
  }

  /** The proxy between clients and this node. @throws Error unless `proxied`. */
  proxyOf(node: RedisServer): FaultProxy {
    return this.#set.proxyOf(node);
  }

  /** @internal */
  async addProxies(): Promise<void> {
    if (this.#proxied) for (const node of this.#nodes) await this.#set.addProxy(node);
  }

  /** The node that owns the slot of this key, or this slot, in the eyes of most live nodes. @throws Error when there is none. */
  async masterOf(keyOrSlot: string | number): Promise<RedisServer> {
    const slot = slotOf(keyOrSlot);
    const owners = (await this.#views()).map(({ view }) => view.find((node) => owns(node, slot))?.id);
    const best = owners.find((id) => owners.filter((other) => other === id).length * 2 > owners.length);
    const node = this.#nodes.find((candidate) => this.#ids.get(candidate) === best);
    if (best === undefined || node === undefined) throw new Error(`Most live nodes know no owner of slot ${slot}`);
    return node;
  }

  /** A live replica of that master. @throws Error when there is none. */
  async replicaOf(keyOrSlot: string | number): Promise<RedisServer> {
    return this.#replicaOf(await this.masterOf(keyOrSlot));
  }

  /** The live nodes that take themselves for masters, also those without slots. */
  async masters(): Promise<RedisServer[]> {
    return this.#inRole('master');
  }

  /** The live nodes that follow another. */
  async replicas(): Promise<RedisServer[]> {
    return this.#inRole('replica');
  }

  /** Moves the slot of this key, or this slot, while clients use it. Resolves when every live node knows. */
  async moveSlot(keyOrSlot: string | number, target: RedisServer, options: MoveSlotOptions = {}): Promise<void> {
    const { keysPerStep = 10, beforeStep } = options;
    const migration = await this.startSlotMigration(keyOrSlot, target);
    let step = 0;
    do {
      await beforeStep?.(step);
      step += 1;
    } while ((await migration.moveKeys(keysPerStep)) > 0);
    await migration.finish();
  }

  /** Begins to move a slot and moves no key: what comes is up to the caller, and with it how long clients see ASK and TRYAGAIN. */
  async startSlotMigration(keyOrSlot: string | number, target: RedisServer): Promise<SlotMigration> {
    const slot = slotOf(keyOrSlot);
    const source = await this.masterOf(slot);
    if (source === target) throw new Error(`The node on port ${target.port} owns slot ${slot} already`);
    const migration = new SlotMigration({
      slot,
      source,
      target,
      ids: { source: await this.#idOf(source), target: await this.#idOf(target) },
      control: this.#control,
      settle: () => this.waitUntilSettled(),
    });
    await migration.begin();
    return migration;
  }

  /**
   * Promotes this replica, or a replica of this master. A live master hands over without a loss; one that does not run or
   * is frozen is not asked. Resolves with the new master when every live node knows.
   */
  async failover(node: RedisServer, options: SettleOptions = {}): Promise<RedisServer> {
    const { timeoutMs = defaultSettleTimeoutMs } = options;
    const promoted = (await this.#isReplica(node)) ? node : await this.#replicaOf(node);
    const masterId = await this.#masterIdOf(promoted);
    const master = this.#nodes.find((other) => this.#ids.get(other) === masterId);
    const way = master !== undefined && isLive(master) ? [] : ['FORCE'];
    const isMaster = async () => (await replicationRole(promoted)).role === 'master';
    await promoted.command('CLUSTER', 'FAILOVER', ...way);
    await until(isMaster, { timeoutMs, message: `the node on port ${promoted.port} to become a master` });
    await this.waitUntilSettled(options);
    return promoted;
  }

  /** Starts another node, which joins as a master without slots. */
  async addNode(): Promise<RedisServer> {
    const [introducer] = await this.#views();
    if (introducer === undefined) throw new Error('No node is live');
    const { host, port } = setAddress(introducer.node);
    const busPort = introducer.view.find(({ flags }) => flags.includes('myself'))?.busPort ?? 0;
    const node = await this.#launchNode();
    this.#nodes.push(node);
    if (this.#proxied) await this.#set.addProxy(node);
    await node.command('CLUSTER', 'MEET', host, port, busPort);
    await this.waitUntilSettled();
    return node;
  }

  /** Has every live node forget a replica, or a master without slots, and stops it. @throws Error when it owns a slot. */
  async removeNode(node: RedisServer): Promise<void> {
    const id = await this.#idOf(node);
    const others = (await this.#views()).filter((other) => other.node !== node);
    if (others.some(({ view }) => view.some((known) => known.id === id && known.slots.length > 0))) {
      throw new Error(`The node on port ${node.port} owns slots`);
    }
    for (const other of others) await other.node.command('CLUSTER', 'FORGET', id);
    this.#nodes.splice(this.#nodes.indexOf(node), 1);
    await this.#set.remove(node);
    await this.waitUntilSettled();
  }

  /** Closes the link of a replica and has every master refuse it until `restoreReplication()`, so that it stays behind. */
  async cutReplication(replica: RedisServer): Promise<void> {
    await cutReplication(replica);
  }

  /** Ends what `cutReplication()` did to a live replica; its link is up again within a second or so. */
  async restoreReplication(replica: RedisServer): Promise<void> {
    await restoreReplication(replica, this.#control);
  }

  /**
   * Resolves when all nodes that run, and are not frozen, agree on who owns which slots, all slots are served, every
   * replica is linked, and nobody takes a live node for down.
   *
   * @throws Error when it takes longer, with what was missing.
   */
  async waitUntilSettled(options: SettleOptions = {}): Promise<void> {
    const { timeoutMs = defaultSettleTimeoutMs } = options;
    let missing = 'an answer';
    const settled = async () => {
      missing = (await this.#missing()) ?? '';
      return missing === '';
    };
    await until(settled, { timeoutMs, intervalMs: 10, message: () => `the cluster to settle, which lacks ${missing}` });
  }

  /** Ends all processes, frozen or not, closes all proxies and removes all directories. */
  async stop(): Promise<void> {
    await this.#set.stop(this.#nodes);
  }

  async #missing(): Promise<string | undefined> {
    const views = await this.#views();
    const live = this.#nodes.filter(isLive);
    if (views.length < live.length) return 'the answer of a live node';
    const ids = new Set(await Promise.all(live.map((node) => this.#idOf(node))));
    const agreement = agreementOf(views[0]?.view ?? [], ids);
    for (const { node, view } of views) {
      const place = `the node on port ${node.port}`;
      const known = view.filter(({ id }) => ids.has(id));
      if (known.length < ids.size) return `all live nodes in the eyes of ${place}`;
      if (view.some(({ flags }) => flags.includes('handshake'))) return `the end of a handshake of ${place}`;
      if (known.some(({ flags }) => flags.some((flag) => flag.startsWith('fail'))))
        return `live nodes found so by ${place}`;
      if (view.some(({ id, slots }) => !ids.has(id) && slots.length > 0))
        return `a live owner of all slots, says ${place}`;
      if (agreementOf(view, ids) !== agreement) return `agreement on the slots with ${place}`;
      if (fieldsOf(await node.command('CLUSTER', 'INFO')).get('cluster_state') !== 'ok') return `${place} to be ready`;
      const { role, linked } = await replicationRole(node);
      if (role === 'replica' && !linked) return `the link of ${place}`;
    }
    return undefined;
  }

  /** What each live node knows. */
  #views(): Promise<{ node: RedisServer; view: ClusterNodeView[] }[]> {
    return answersOf(this.#nodes, async (node) => {
      await this.#idOf(node);
      return { node, view: await clusterView(node) };
    });
  }

  /** Ids hold for the life of a node, a restart included. */
  async #idOf(node: RedisServer): Promise<string> {
    const id = this.#ids.get(node) ?? String(await node.command('CLUSTER', 'MYID'));
    this.#ids.set(node, id);
    return id;
  }

  async #inRole(role: 'master' | 'replica'): Promise<RedisServer[]> {
    const roles = await answersOf(this.#nodes, async (node) => ({ node, ...(await replicationRole(node)) }));
    return roles.filter((answer) => answer.role === role).map(({ node }) => node);
  }

  async #isReplica(node: RedisServer): Promise<boolean> {
    return isLive(node) && (await replicationRole(node)).role === 'replica';
  }

  async #masterIdOf(node: RedisServer): Promise<string | undefined> {
    const id = await this.#idOf(node);
    return (await clusterView(node)).find((known) => known.id === id)?.masterId;
  }

  async #replicaOf(master: RedisServer): Promise<RedisServer> {
    const id = await this.#idOf(master);
    for (const node of this.#nodes.filter((other) => other !== master && isLive(other))) {
      if ((await this.#masterIdOf(node)) === id) return node;
    }
    throw new Error(`No live node follows the one on port ${master.port}`);
  }
}

function slotOf(keyOrSlot: string | number): number {
  return typeof keyOrSlot === 'number' ? keyOrSlot : keySlot(keyOrSlot);
}
