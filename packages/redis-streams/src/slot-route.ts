import type { ClusterTopology } from './cluster-topology.js';
import type { Connection } from './connection.js';
import type { Command, ReplyEncoding, Role } from './connector.js';
import { closedFailure, offline, type Redirection, RedisFailure, redirectionOf, replyCodeOf } from './failures.js';
import { isPermanent, type ServerConnection } from './server-connection.js';
import type { Shard } from './shard.js';

/** How often one call follows a slot. */
const mostRedirections = 5;
/** A read that waited longer for entries before it was redirected is not begun again: the next one goes to the right place. */
const rereadWithinMs = 500;

/** What a `SlotRoute` needs to know. */
export interface SlotRouteOptions {
  readonly topology: ClusterTopology;
  readonly slot: number;
  readonly role: Role;
  readonly failFast: boolean;
  /** The connection to a shard; throws a `closed` failure once there are none any more. */
  connectionTo(shard: Shard): ServerConnection;
}

interface Call {
  readonly number: number;
  readonly commands: readonly Command[];
  readonly encoding: ReplyEncoding | undefined;
  readonly withinMs: number;
  readonly begunAt: number;
  /** How many failovers there had been. */
  readonly failovers: number;
  readonly resolve: (replies: readonly unknown[]) => void;
  readonly reject: (failure: RedisFailure) => void;
  /** What is known of its replies. */
  replies: unknown[] | undefined;
  /** The commands that were redirected. */
  missing: readonly number[];
  redirections: number;
  timer: NodeJS.Timeout | undefined;
}

/**
 * The way to one slot of a cluster, wherever it is. Calls are sent at once, until an answer says that the slot has moved:
 * then what comes waits until all that is under way is answered, what was redirected is sent to the new owner first, and
 * so nothing overtakes anything. Only what a node refused for not being in charge of it is sent to another one.
 */
export class SlotRoute implements Connection {
  readonly #options: SlotRouteOptions;
  readonly #held = new Set<Call>();
  readonly #redirected: Call[] = [];
  #underWay = 0;
  /** Where what is under way was sent. */
  #sentTo: Shard | undefined;
  #isLooking = false;
  #count = 0;
  #shard: Shard | undefined;
  #moves = 0;

  constructor(options: SlotRouteOptions) {
    this.#options = options;
  }

  get generation(): number {
    const shard = this.shard;
    // two connections may have had as many lives
    return shard === undefined ? 0 : this.#moves * 2 ** 32 + this.#options.connectionTo(shard).generation;
  }

  /** The shard that commands go to now. */
  get shard(): Shard | undefined {
    const { topology, slot } = this.#options;
    const shard = topology.shardOf(slot);
    if (shard !== this.#shard) this.#moves += 1;
    this.#shard = shard;
    return shard;
  }

  exchange(commands: readonly Command[], withinMs: number, encoding?: ReplyEncoding): Promise<readonly unknown[]> {
    return new Promise((resolve, reject) => {
      this.#count += 1;
      const call: Call = {
        number: this.#count,
        commands,
        encoding,
        withinMs,
        begunAt: performance.now(),
        failovers: this.#options.topology.failovers,
        resolve,
        reject,
        replies: undefined,
        missing: [],
        redirections: 0,
        timer: undefined,
      };
      const shard = this.shard;
      const mustWait = this.#isLooking || this.#redirected.length > 0 || this.#held.size > 0;
      if (shard !== undefined && !mustWait && !this.#wouldOvertake(shard)) return this.#send(call, shard);
      this.#hold(call);
      if (shard === undefined && !this.#isLooking) void this.#look();
    });
  }

  async command(command: Command, withinMs: number, encoding?: ReplyEncoding): Promise<unknown> {
    const [reply] = await this.exchange([command], withinMs, encoding);
    if (reply instanceof RedisFailure) throw reply;
    return reply;
  }

  async opened(attempts: number): Promise<void> {
    for (let left = attempts; this.shard === undefined; left -= 1) {
      try {
        await this.#options.topology.known();
      } catch (error) {
        if (left <= 1 || isPermanent(error as RedisFailure)) throw error;
      }
    }
    await this.#options.connectionTo(this.shard as Shard).opened(attempts);
  }

  renew(failure: RedisFailure): void {
    const shard = this.shard;
    if (shard !== undefined) this.#options.connectionTo(shard).renew(failure);
  }

  suspect(): void {
    this.#options.topology.suspect(this.shard);
  }

  /** Answers what waits to be sent. */
  close(): void {
    this.#rejectHeld(closedFailure('connection'));
  }

  #hold(call: Call): void {
    this.#held.add(call);
    const { topology } = this.#options;
    call.timer = setTimeout(() => {
      this.#held.delete(call);
      const reason = topology.lastFailure === undefined ? '' : `: ${topology.lastFailure.message}`;
      call.reject(offline(`No node for the slot of ${topology.description} within ${call.withinMs} ms${reason}`));
    }, call.withinMs);
  }

  #rejectHeld(failure: RedisFailure): void {
    for (const call of this.#held) {
      clearTimeout(call.timer);
      call.reject(failure);
    }
    this.#held.clear();
  }

  // Until it is known who has the slots, or nobody waits for that any more.
  async #look(): Promise<void> {
    const { topology, failFast } = this.#options;
    this.#isLooking = true;
    while (this.#held.size > 0 && this.shard === undefined) {
      try {
        await topology.known();
      } catch (error) {
        const failure = error as RedisFailure;
        if (failFast || isPermanent(failure)) this.#rejectHeld(failure);
      }
    }
    this.#isLooking = false;
    this.#release();
  }

  #release(): void {
    if (this.#held.size === 0) return;
    const shard = this.shard;
    if (shard === undefined || this.#wouldOvertake(shard)) return;
    const held = [...this.#held];
    this.#held.clear();
    for (const call of held) {
      clearTimeout(call.timer);
      if (this.#isOvertaken(call)) call.reject(offline('The server was replaced before this was sent'));
      else this.#send(call, shard);
    }
  }

  // The map may know of a move before what is under way was refused for it: that is sent on first.
  #wouldOvertake(shard: Shard): boolean {
    return this.#underWay > 0 && this.#sentTo !== shard;
  }

  // What the new master lacks is stored first.
  #isOvertaken(call: Call): boolean {
    return this.#options.role === 'writer' && call.failovers !== this.#options.topology.failovers;
  }

  #send(call: Call, shard: Shard): void {
    this.#underWay += 1;
    this.#sentTo = shard;
    this.#exchange(shard, call.commands, call).then(
      (replies) => {
        this.#underWay -= 1;
        call.replies = replies as unknown[];
        this.#answered(call);
      },
      (failure: RedisFailure) => {
        this.#underWay -= 1;
        call.reject(failure);
        this.#follow();
      },
    );
  }

  async #exchange(shard: Shard, commands: readonly Command[], call: Call): Promise<readonly unknown[]> {
    const leftMs = Math.max(1, call.withinMs - (performance.now() - call.begunAt));
    return this.#options.connectionTo(shard).exchange(commands, leftMs, call.encoding);
  }

  #answered(call: Call): void {
    const replies = call.replies ?? [];
    let isRedirected = false;
    for (const reply of replies) {
      if (!(reply instanceof RedisFailure)) continue;
      const code = replyCodeOf(reply);
      if (code === 'MOVED' || code === 'ASK') isRedirected = true;
      if (code === 'CLUSTERDOWN') this.#options.topology.suspect();
    }
    if (isRedirected && this.#mayFollow(call)) {
      call.missing = missingOf(call.commands, replies);
      this.#redirected.push(call);
    } else {
      if (isRedirected) this.#options.topology.suspect();
      call.resolve(replies);
    }
    this.#follow();
  }

  #mayFollow(call: Call): boolean {
    const elapsedMs = performance.now() - call.begunAt;
    if (this.#options.role === 'reader' && elapsedMs > rereadWithinMs) return false;
    return call.redirections < mostRedirections && elapsedMs < call.withinMs;
  }

  // Answers of different nodes come in any order: it waits for all of them.
  #follow(): void {
    if (this.#underWay > 0 || this.#isLooking) return;
    if (this.#redirected.length === 0) {
      this.#release();
      return;
    }
    this.#isLooking = true;
    void this.#sendOn();
  }

  async #sendOn(): Promise<void> {
    const { topology, slot } = this.#options;
    const redirection = latestOf(this.#redirected);
    let target: Shard | undefined;
    if (redirection?.code === 'ASK') target = topology.guestAt(slot, redirection);
    else if (redirection !== undefined) target = await topology.movedTo(slot, redirection);
    const calls = this.#redirected.splice(0).sort((a, b) => a.number - b.number);
    for (const call of calls) {
      if (target === undefined || this.#isOvertaken(call) || !this.#mayFollow(call)) call.resolve(call.replies ?? []);
      else this.#sendAgain(call, target, redirection?.code === 'ASK');
    }
    this.#isLooking = false;
    this.#release();
    this.#follow();
  }

  #sendAgain(call: Call, target: Shard, asking: boolean): void {
    call.redirections += 1;
    this.#underWay += 1;
    this.#sentTo = target;
    const commands = call.missing.flatMap((index) => {
      const command = call.commands[index] as Command;
      return asking && !isWait(command) ? [['ASKING'], command] : [command];
    });
    this.#exchange(target, commands, call).then(
      (replies) => {
        this.#underWay -= 1;
        let at = 0;
        for (const index of call.missing) {
          if (asking && !isWait(call.commands[index] as Command)) at += 1;
          this.#put(call, index, replies[at]);
          at += 1;
        }
        this.#answered(call);
      },
      (failure: RedisFailure) => {
        this.#underWay -= 1;
        for (const index of call.missing) this.#put(call, index, failure);
        call.resolve(call.replies ?? []);
        this.#follow();
      },
    );
  }

  #put(call: Call, index: number, reply: unknown): void {
    const replies = call.replies ?? [];
    const isShared = isWait(call.commands[index] as Command) && !isAllMissing(call, index);
    replies[index] = isShared ? lesserOf(replies[index], reply) : reply;
  }
}

/** What was redirected, and each WAIT that follows some of it. */
function missingOf(commands: readonly Command[], replies: readonly unknown[]): readonly number[] {
  const missing: number[] = [];
  for (const [index, command] of commands.entries()) {
    const code = replyCodeOf(replies[index]);
    if (code === 'MOVED' || code === 'ASK' || (missing.length > 0 && isWait(command))) missing.push(index);
  }
  return missing;
}

/** Whether everything before the WAIT at `index` was redirected: then what the first node said of it means nothing. */
function isAllMissing({ commands, missing }: Call, index: number): boolean {
  const sent = commands.slice(0, index).filter((command) => !isWait(command)).length;
  return missing.filter((at) => at < index && !isWait(commands[at] as Command)).length === sent;
}

function isWait(command: Command): boolean {
  return command[0] === 'WAIT' || command[0] === 'WAITAOF';
}

/** The lesser number of replicas, of WAITAOF for each of its two numbers; a failure where there is one. */
function lesserOf(one: unknown, other: unknown): unknown {
  if (one instanceof RedisFailure) return one;
  if (Array.isArray(one) && Array.isArray(other)) return one.map((number, index) => lesserOf(number, other[index]));
  if (typeof one === 'number' && typeof other === 'number') return Math.min(one, other);
  return other;
}

/** When some calls were told to ask and others that the slot has moved, then it has moved meanwhile. */
function latestOf(calls: readonly Call[]): Redirection | undefined {
  let latest: Redirection | undefined;
  for (const { missing, replies } of calls) {
    for (const index of missing) {
      const redirection = redirectionOf(replies?.[index]);
      if (redirection !== undefined && (latest?.code !== 'MOVED' || redirection.code === 'MOVED')) latest = redirection;
    }
  }
  return latest;
}
