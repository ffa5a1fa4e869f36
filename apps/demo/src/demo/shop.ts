import { setTimeout as delay } from 'node:timers/promises';
import type { StopReport } from '@events/core';
import { type Counters, noCounters, sumOf } from './counters.js';
import type { Ground } from './ground.js';
import { type Assignment, HostedService, type Note, type RunningService } from './hosted-service.js';
import { journalPath } from './journal.js';
import type { Plan } from './plan.js';
import { type Role, roles } from './roster.js';
import { ServiceProcess } from './service-process.js';

export type ServiceState = 'running' | 'killed' | 'restarting' | 'stopped';

interface Post {
  service: RunningService;
  state: ServiceState;
  /** What earlier processes of the service have done. */
  before: Readonly<Counters>;
}

const restartAfterMs = 1_000;

/** The services together: each in a process of its own where the ground allows it, otherwise all in this one. */
export class Shop {
  /** Rejects when a service ends by itself. */
  readonly failure: Promise<never>;
  readonly #plan: Plan;
  readonly #ground: Ground;
  readonly #journals: string;
  readonly #note: Note;
  readonly #posts = new Map<Role, Post>();
  #fail: (error: Error) => void = () => undefined;
  #restarting: Promise<void> = Promise.resolve();
  #isStopping = false;

  /** Resolves once every service consumes. */
  static async open(plan: Plan, ground: Ground, journals: string, note: Note): Promise<Shop> {
    const shop = new Shop(plan, ground, journals, note);
    const started = await Promise.allSettled(roles.map((role) => shop.#fill(role)));
    const failed = started.find((outcome) => outcome.status === 'rejected');
    if (failed === undefined) return shop;
    await shop.stop();
    throw failed.reason;
  }

  private constructor(plan: Plan, ground: Ground, journals: string, note: Note) {
    this.#plan = plan;
    this.#ground = ground;
    this.#journals = journals;
    this.#note = note;
    this.failure = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.failure.catch(() => {
      // It may come while nobody waits for it; whoever asks later still gets it.
    });
  }

  countersOf(role: Role): Counters {
    const post = this.#posts.get(role);
    return post === undefined ? noCounters() : sumOf([post.before, post.service.counters]);
  }

  get isStopping(): boolean {
    return this.#isStopping;
  }

  stateOf(role: Role): ServiceState {
    return this.#posts.get(role)?.state ?? 'restarting';
  }

  /** Resolves once the customers have placed all orders, or were stopped. */
  async placeOrders(): Promise<void> {
    await this.#post('order-service').service.placeOrders();
  }

  /** Kills a service's process as a crash would, and starts another one in its place a second later. Not while stopping. */
  killAndRestart(role: Role): Promise<void> {
    if (!this.#isStopping) this.#restarting = this.#killAndRestart(role);
    return this.#restarting;
  }

  /** Stops every service gracefully. */
  async stop(): Promise<ReadonlyMap<Role, StopReport | Error>> {
    this.#isStopping = true;
    await this.#restarting;
    const stopOne = async ([role, post]: [Role, Post]): Promise<[Role, StopReport | Error]> => {
      // A service that cannot be stopped must not keep the others from it.
      const report = await post.service.stop().catch((error: Error) => error);
      post.state = 'stopped';
      return [role, report];
    };
    return new Map(await Promise.all(Array.from(this.#posts, stopOne)));
  }

  #post(role: Role): Post {
    const post = this.#posts.get(role);
    if (post === undefined) throw new Error(`${role} was not started`);
    return post;
  }

  async #fill(role: Role, before: Readonly<Counters> = noCounters()): Promise<void> {
    const { redis, streamPrefix, transport } = this.#ground;
    const journal = journalPath(this.#journals, role);
    const assignment: Assignment = { role, plan: this.#plan, streamPrefix, journalPath: journal };
    const service =
      redis === undefined
        ? await HostedService.start(assignment, transport, this.#note)
        : await ServiceProcess.start(assignment, redis, this.#note, (error) => this.#fail(error));
    this.#posts.set(role, { service, before, state: 'running' });
    if (service instanceof ServiceProcess) this.#note(`${role} runs as process ${service.pid}`);
  }

  async #killAndRestart(role: Role): Promise<void> {
    const post = this.#post(role);
    if (!(post.service instanceof ServiceProcess)) throw new Error(`${role} has no process of its own`);
    post.state = 'killed';
    await post.service.kill();
    this.#note(`chaos: ${role} was killed (SIGKILL, process ${post.service.pid})`);
    await delay(restartAfterMs);
    post.state = 'restarting';
    await this.#fill(role, sumOf([post.before, post.service.counters]));
  }
}
