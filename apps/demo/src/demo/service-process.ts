import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { StopReport } from '@events/core';
import { type Counters, noCounters } from './counters.js';
import type { Assignment, Note, RunningService } from './hosted-service.js';
import type { Instruction, RedisAddress, Tidings } from './messages.js';

const program = fileURLToPath(new URL('../index.js', import.meta.url));

/** The argument that makes this program the process of one service. */
export const serviceArgument = 'service-process';

type Answer<Kind extends Tidings['kind']> = Extract<Tidings, { readonly kind: Kind }>;

interface Question {
  readonly resolve: (answer: Tidings) => void;
  readonly reject: (error: Error) => void;
}

/** A service in a process of its own. */
export class ServiceProcess implements RunningService {
  counters: Readonly<Counters> = noCounters();
  readonly #role: string;
  readonly #note: Note;
  readonly #child: ChildProcess;
  /** By the kind of answer. */
  readonly #questions = new Map<Tidings['kind'], Question>();
  readonly #ended: Promise<void>;
  #failure: string | undefined;
  #mayEnd = false;

  /** Resolves once the service consumes. `onLoss` is told when the process ends without being asked to. */
  static async start(
    assignment: Assignment,
    redis: RedisAddress,
    note: Note,
    onLoss: (error: Error) => void,
  ): Promise<ServiceProcess> {
    const started = new ServiceProcess(assignment.role, note, onLoss);
    await started.#ask({ kind: 'start', assignment, redis }, 'started');
    return started;
  }

  private constructor(role: string, note: Note, onLoss: (error: Error) => void) {
    this.#role = role;
    this.#note = note;
    // Detached from the terminal: Ctrl-C reaches the shop alone, which then stops its services in order.
    this.#child = fork(program, [serviceArgument], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], detached: true });
    this.#child.on('message', (tidings: Tidings) => this.#hear(tidings));
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => note(`${role}: ${text.trimEnd()}`));
    this.#ended = new Promise((resolve) => {
      const end = (how: string) => {
        resolve();
        if (this.#mayEnd) return;
        const error = new Error(`${role} ended: ${this.#failure ?? how}`);
        for (const { reject } of this.#questions.values()) reject(error);
        onLoss(error);
      };
      this.#child.once('error', (error) => end(error.message));
      this.#child.once('exit', (code, signal) => end(signal ?? `exit code ${code}`));
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async placeOrders(): Promise<void> {
    await this.#ask({ kind: 'placeOrders' }, 'ordersPlaced');
  }

  async stop(): Promise<StopReport> {
    const { report } = await this.#ask({ kind: 'stop' }, 'stopped');
    await this.#ended;
    return report;
  }

  /** Ends the process at once, as a crash does. */
  async kill(): Promise<void> {
    this.#mayEnd = true;
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #ask<Kind extends Tidings['kind']>(instruction: Instruction, answer: Kind): Promise<Answer<Kind>> {
    return new Promise((resolve, reject) => {
      this.#questions.set(answer, { resolve: resolve as (tidings: Tidings) => void, reject });
      this.#child.send(instruction, (error) => {
        if (error !== null) reject(new Error(`${this.#role} cannot be told to ${instruction.kind}: ${error.message}`));
      });
    });
  }

  #hear(tidings: Tidings): void {
    if (tidings.kind === 'counters' || tidings.kind === 'stopped') this.counters = tidings.counters;
    if (tidings.kind === 'stopped') this.#mayEnd = true;
    if (tidings.kind === 'failed') this.#failure = tidings.message;
    else if (tidings.kind === 'note') this.#note(tidings.text);
    this.#questions.get(tidings.kind)?.resolve(tidings);
    this.#questions.delete(tidings.kind);
  }
}
