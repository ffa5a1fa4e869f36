import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRedisServer } from './find-redis-server.js';
import { freePort } from './free-port.js';
import type { ControlUser } from './redis-configuration.js';
import type { RedisTls, StartRedisOptions } from './redis-options.js';
import { PortTakenError, RedisServer, serverUrl } from './redis-server.js';
import { tlsFixture } from './tls-fixture.js';

const attempts = 20;

/** One server among those that are started together. */
export interface ServerPlan {
  readonly options: StartRedisOptions;
  /** Default: a user that no other server knows. */
  readonly control?: ControlUser;
  /** Runs as a sentinel. Default false. */
  readonly sentinel?: boolean;
  /** Takes part in a cluster, and listens on a port for that, too. Default false. */
  readonly cluster?: boolean;
  /** Further directives, told all servers of the plan by their places. */
  readonly directives?: (planned: readonly PlannedServer[]) => readonly string[];
  /** Called whenever the process has started and answers, so at a restart, too. */
  readonly onLaunch?: (server: RedisServer) => Promise<void>;
}

/** A server whose process has not been started. */
export interface PlannedServer {
  readonly server: RedisServer;
  readonly directory: string;
  /** Port of the cluster bus, 0 when the server takes no part in a cluster. */
  readonly busPort: number;
}

/** A user with a name that no test chooses. */
export function controlUser(): ControlUser {
  return { username: `tooling-${randomBytes(6).toString('hex')}`, password: randomBytes(12).toString('hex') };
}

/**
 * Starts servers at the same time, each with a directory of its own, and resolves when all of them answer. When a port
 * has been taken meanwhile, all are started anew on others.
 *
 * @param prepare Called with every choice of places, before any process is started.
 */
export async function launchServers(
  plans: readonly ServerPlan[],
  prepare: (planned: readonly PlannedServer[]) => Promise<void> = async () => undefined,
): Promise<RedisServer[]> {
  for (let attempt = 1; ; attempt += 1) {
    const planned: PlannedServer[] = [];
    try {
      await place(plans, planned);
      await prepare(planned);
      await launch(planned);
      return planned.map(({ server }) => server);
    } catch (error) {
      await Promise.all(planned.map(({ server }) => server.stop()));
      const fixed = plans.some(({ options }) => options.port !== undefined);
      if (!(error instanceof PortTakenError) || fixed || attempt >= attempts) throw error;
    }
  }
}

async function launch(planned: readonly PlannedServer[]): Promise<void> {
  const outcomes = await Promise.allSettled(planned.map(({ server }) => server.launch()));
  const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as Error] : []));
  const worst = errors.find((error) => !(error instanceof PortTakenError)) ?? errors[0];
  if (worst !== undefined) throw worst;
}

async function place(plans: readonly ServerPlan[], planned: PlannedServer[]): Promise<void> {
  const taken = new Set<number>();
  const choosePort = async () => {
    let port: number;
    do port = await freePort();
    while (taken.has(port));
    taken.add(port);
    return port;
  };
  for (const plan of plans) {
    const { options, control = controlUser(), sentinel = false, onLaunch = async () => undefined } = plan;
    const binary = options.binary ?? (await findRedisServer());
    const port = options.port ?? (await choosePort());
    const tls = options.tls === true ? await describeTls(await choosePort(), options.password) : undefined;
    const busPort = plan.cluster === true ? await choosePort() : 0;
    const directory = await realpath(await mkdtemp(join(tmpdir(), 'events-redis-')));
    const directives = () => [
      ...(busPort === 0 ? [] : ['cluster-enabled yes', `cluster-port ${busPort}`]),
      ...(plan.directives?.(planned) ?? []),
    ];
    const server = new RedisServer(options, { binary, directory, port, tls, control, sentinel, directives, onLaunch });
    planned.push({ server, directory, busPort });
  }
}

async function describeTls(port: number, password: string | undefined): Promise<RedisTls> {
  return { port, url: serverUrl('rediss', port, password), ca: await readFile(tlsFixture.authorityFile, 'utf8') };
}
