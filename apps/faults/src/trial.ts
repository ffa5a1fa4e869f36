import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Transport } from '@events/core';
import { type RedisCluster, type RedisServer, type ReplicatedRedis, until } from '@events/tooling-redis';
import { type Account, accountFor } from './audit/account.js';
import type { Evidence, Rewind } from './audit/evidence.js';
import type { ConsumerOrders } from './crew/consumer-orders.js';
import type { ConsumerProcess } from './crew/consumer-process.js';
import { Crew } from './crew/crew.js';
import { type Address, addressOf, type Ground, type GroundPlan, openGround, serverOf } from './ground.js';
import { Load, type LoadOptions } from './load.js';
import { SeededRandom } from './random.js';
import { ServerView } from './server-view.js';
import { type Client, openTransport } from './transports.js';
import type { Verdict } from './verdict.js';

const stream = 'faults';
const group = 'crew';
const drainWithinMs = 120_000;

/** How large a trial is. What is `undefined` is the scenario's own choice. */
export interface TrialSize {
  readonly events: number | undefined;
  /** How often the fault comes. */
  readonly faults: number | undefined;
  /** How long it lasts. */
  readonly seconds: number | undefined;
  /** By how much limits of time are multiplied: a machine that has other things to do is slower, not wrong. */
  readonly patience: number;
}

export interface TrialOptions extends TrialSize {
  readonly client: Client;
  readonly seed: number;
}

/** What a trial left behind. */
export interface Closing {
  readonly account: Account;
  readonly evidence: Evidence;
}

/** One run of a scenario: a server, consumer processes, publishers, and what they leave behind. */
export class Trial {
  readonly options: TrialOptions;
  readonly random: SeededRandom;
  readonly ground: Ground;
  readonly view: ServerView;
  readonly crew: Crew;
  /** Where journals and logs are. */
  readonly directory: string;
  readonly #transports: Transport[] = [];
  readonly #loads: Load[] = [];
  readonly #rewinds: Rewind[] = [];
  readonly #beginning = Date.now();

  private constructor(options: TrialOptions, ground: Ground, directory: string) {
    this.options = options;
    this.random = new SeededRandom(options.seed);
    this.ground = ground;
    this.view = new ServerView(ground, stream, group);
    this.crew = new Crew(directory, this.view);
    this.directory = directory;
  }

  /** Starts servers and runs `scenario`. No process is left; the journals stay where a promise was broken. */
  static async run(
    options: TrialOptions,
    plan: GroundPlan,
    scenario: (trial: Trial) => Promise<Verdict>,
  ): Promise<Verdict> {
    const directory = await mkdtemp(join(tmpdir(), 'events-faults-'));
    const ground = await openGround(plan);
    const trial = new Trial(options, ground, directory);
    try {
      const verdict = await scenario(trial);
      if (verdict.promises.every(({ holds }) => holds)) await rm(directory, { recursive: true });
      return verdict;
    } finally {
      if (existsSync(directory)) trial.say(`journals and logs are kept: ${directory}`);
      await trial.crew.dismiss();
      await Promise.all(trial.#transports.map((transport) => transport.close()));
      await ground.redis.stop();
    }
  }

  /** The only server. */
  get server(): RedisServer {
    if (this.ground.kind !== 'single') throw new Error('This trial stands on more than one server');
    return this.ground.redis;
  }

  /** The master, its replicas and their sentinels. */
  get replicated(): ReplicatedRedis {
    if (this.ground.kind !== 'sentinel') throw new Error('This trial stands on no sentinels');
    return this.ground.redis;
  }

  get cluster(): RedisCluster {
    if (this.ground.kind !== 'cluster') throw new Error('This trial stands on no cluster');
    return this.ground.redis;
  }

  /** The stream that everything is published to. */
  get stream(): string {
    return stream;
  }

  /** The server that is in charge of the stream. */
  inCharge(): Promise<RedisServer> {
    return serverOf(this.ground, stream);
  }

  /** Notes that another server answers since `to`, which may not know what its predecessor was told since `from`. */
  noteRewind(from: number, to = Date.now()): void {
    this.#rewinds.push({ from, to });
  }

  say(text: string): void {
    const seconds = ((Date.now() - this.#beginning) / 1_000).toFixed(1);
    process.stderr.write(`[${this.options.client} +${seconds} s] ${text}\n`);
  }

  /** Publishes through a transport of its own, to `address` where it is not that of the servers. */
  load(
    options: Partial<LoadOptions> & { readonly limit: number; readonly address?: Address; readonly client?: Client },
  ): Load {
    const { address = addressOf(this.ground), client = this.options.client, ...rest } = options;
    const transport = openTransport(client, address);
    this.#transports.push(transport);
    const load = new Load({ transport, stream, random: this.random, keys: 500, keyPrefix: 'k', ...rest });
    this.#loads.push(load);
    return load;
  }

  /** Starts one more consumer process. */
  startConsumer(orders: Partial<ConsumerOrders> = {}): Promise<ConsumerProcess> {
    return this.crew.start({
      client: this.options.client,
      address: addressOf(this.ground),
      isPlain: false,
      stream,
      group,
      concurrency: 16,
      prefetch: 256,
      claimIdleMs: 60_000,
      maxRetries: 5,
      onGroupLost: 'beginning',
      deduplicate: false,
      workMs: 2,
      failOneIn: 0,
      poison: [],
      ...orders,
    });
  }

  async startConsumers(count: number, orders: Partial<ConsumerOrders> = {}): Promise<ConsumerProcess[]> {
    return Promise.all(Array.from({ length: count }, () => this.startConsumer(orders)));
  }

  /** Waits until the group was given so many entries. */
  async reached(read: number): Promise<void> {
    const isReached = async () => (await this.view.progress()).read >= read;
    await until(isReached, { timeoutMs: drainWithinMs, intervalMs: 50, message: `${read} entries to be read` });
  }

  /** Waits until the group has settled everything. An answer of `false` is for the account to explain. */
  async drain(withinMs = drainWithinMs): Promise<boolean> {
    const isDrained = async () => (await this.view.progress()).isDrained;
    try {
      await until(isDrained, { timeoutMs: withinMs, intervalMs: 200, message: 'the group to settle everything' });
      return true;
    } catch (error) {
      this.say(String(error));
      return false;
    }
  }

  /** Stops what still works and draws up the account. */
  async close(erasedUpTo?: string): Promise<Closing> {
    await Promise.all(this.#loads.map((load) => load.close()));
    await this.crew.stop(10_000);
    const evidence: Evidence = {
      attempts: this.#loads.flatMap(({ attempts }) => attempts),
      unanswered: new Map(
        this.#loads.filter(({ retryUnknown }) => retryUnknown).flatMap(({ unanswered }) => [...unanswered]),
      ),
      entries: await this.view.entries(),
      journals: this.crew.journals(),
      deadLetters: await this.view.deadLetters(),
      pending: await this.view.pending(),
      interruptions: this.crew.interruptions,
      rewinds: this.#rewinds,
      erasedUpTo,
    };
    return { account: accountFor(evidence), evidence };
  }
}
