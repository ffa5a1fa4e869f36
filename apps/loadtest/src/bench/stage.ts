import { type RedisServer, type StartRedisOptions, startRedis } from '@events/tooling-redis';
import type { BenchOptions } from './options.js';
import type { Job } from './worker/job.js';
import { WorkerProcess } from './worker/worker-process.js';

/** What one run happens on: a server of its own, and processes of its own. */
export class Stage {
  readonly server: RedisServer;
  readonly options: BenchOptions;
  readonly #workers: WorkerProcess[] = [];

  /** Runs `body` on a fresh stage and clears it away, however that ends. */
  static async with<Result>(
    options: BenchOptions,
    redis: StartRedisOptions,
    body: (stage: Stage) => Promise<Result>,
  ): Promise<Result> {
    const server = await startRedis(redis);
    const stage = new Stage(server, options);
    try {
      return await body(stage);
    } finally {
      for (const worker of stage.#workers) worker.kill();
      await server.stop();
    }
  }

  private constructor(server: RedisServer, options: BenchOptions) {
    this.server = server;
    this.options = options;
  }

  get url(): string {
    return this.server.url;
  }

  start(job: Job, ...nodeOptions: readonly string[]): WorkerProcess {
    const { profile } = this.options;
    const profiling =
      profile === undefined
        ? []
        : ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${profileName(job)}`, '--cpu-prof-interval=200'];
    const worker = new WorkerProcess(job, [...nodeOptions, ...profiling]);
    this.#workers.push(worker);
    return worker;
  }
}

function profileName({ task, client, side, size }: Job): string {
  return `${task}-${client}-${side}-${size}-${process.hrtime.bigint()}.cpuprofile`;
}
