import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { GuardedProcess } from './guarded-process.js';
import { type ControlUser, redisConfiguration } from './redis-configuration.js';
import type { RedisTls, StartRedisOptions } from './redis-options.js';
import type { RedisReply } from './redis-reply.js';
import { sendCommand } from './send-command.js';
import { tlsFixture } from './tls-fixture.js';

const host = '127.0.0.1';
const signalTimeoutMs = 5_000;
const shutdownTimeoutMs = 2_000;
const probeIntervalMs = 3;
const probeTimeoutMs = 1_000;
const portRetryIntervalMs = 50;

/** @internal The server could not bind its port. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError';
}

/** @internal */
export function serverUrl(protocol: string, port: number, password: string | undefined): string {
  return `${protocol}://${password === undefined ? '' : `:${encodeURIComponent(password)}@`}${host}:${port}`;
}

/** @internal What is decided before a server starts, beside its options. */
export interface ServerPlace {
  readonly binary: string;
  readonly directory: string;
  readonly port: number;
  readonly tls: RedisTls | undefined;
  /** Whom the tooling logs in as. */
  readonly control: ControlUser;
  /** Runs as a sentinel instead of a server with data. */
  readonly sentinel: boolean;
  /** Further directives of redis.conf, asked for at the first start. */
  readonly directives: () => readonly string[];
  /** Called whenever the process has started and answers. */
  readonly onLaunch: (server: RedisServer) => Promise<void>;
}

/** A running, killed or stopped server that `startRedis`, `startReplicated` or `startCluster` has started. */
export class RedisServer {
  /** `redis://` address, with the password if there is one. */
  readonly url: string;
  readonly host: string = host;
  readonly port: number;
  /** The TLS side, where the server was started with `tls: true`. */
  readonly tls: RedisTls | undefined;
  readonly #options: StartRedisOptions;
  readonly #place: ServerPlace;
  #child: GuardedProcess | undefined;
  #configured = false;
  #frozen = false;
  #stopped = false;

  /** @internal Use `startRedis`. */
  constructor(options: StartRedisOptions, place: ServerPlace) {
    this.url = serverUrl('redis', place.port, options.password);
    this.port = place.port;
    this.tls = place.tls;
    this.#options = options;
    this.#place = place;
  }

  /** Process id of the server, or of the last one when it does not run. Another one after `restart()`. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Whether the process exists. A frozen server runs. */
  get running(): boolean {
    return this.#child?.running ?? false;
  }

  /** Whether the process was suspended with `freeze()` and not let go on since. */
  get frozen(): boolean {
    return this.#frozen && this.running;
  }

  /**
   * Sends one command over a connection of its own, as a user who may do everything. Works whatever the passwords and
   * users are. Replies are decoded from RESP2, bulk strings as UTF-8.
   *
   * @throws RedisReplyError with the server's text when it answers with an error.
   * @throws Error when the server does not run, or does not answer within `commandTimeoutMs`.
   */
  command(...words: readonly (string | number | Uint8Array)[]): Promise<RedisReply> {
    return this.#send(words, this.#options.commandTimeoutMs ?? 10_000);
  }

  /** Resolves when the server answers PING, data loaded. @throws Error when it does not run or is not ready in time. */
  async waitUntilReady(timeoutMs: number = this.#startTimeoutMs): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const child = this.#child;
      if (child === undefined || !child.running) throw await this.#startError(child);
      try {
        await this.#send(['PING'], Math.max(1, Math.min(probeTimeoutMs, deadline - Date.now())), child.endSignal);
        return;
      } catch (error) {
        if (Date.now() >= deadline) {
          throw new Error(`Redis at ${host}:${this.port} was not ready within ${timeoutMs} ms`, { cause: error });
        }
      }
      await delay(probeIntervalMs);
    }
  }

  /** Ends the server at once, as a crash does (SIGKILL), and keeps its directory for `restart()`. */
  async kill(): Promise<void> {
    await this.#child?.kill(signalTimeoutMs);
  }

  /**
   * Ends the server if it runs and starts it on the same port and with the same directory; brings back a killed one, too.
   * The data is there again only where the server was started with `appendOnly`. What the server itself has written into
   * its configuration (CONFIG REWRITE, as sentinels command it) holds, as with any real restart.
   *
   * @throws Error when it was stopped, or does not start in time.
   */
  async restart(): Promise<void> {
    await this.#terminate();
    const deadline = Date.now() + this.#startTimeoutMs;
    for (;;) {
      try {
        await this.launch();
        return;
      } catch (error) {
        // Another process may hold the port for the moment, such as an outgoing connection.
        if (!(error instanceof PortTakenError) || Date.now() >= deadline) throw error;
      }
      await delay(portRetryIntervalMs);
    }
  }

  /** @internal Starts the process. @throws PortTakenError when the port is not free. */
  async launch(): Promise<void> {
    if (this.#stopped) throw new Error('This Redis server was stopped and cannot be started again');
    const configurationFile = join(this.#place.directory, 'redis.conf');
    if (!this.#configured) {
      await writeFile(configurationFile, this.#configuration(), { mode: 0o600 });
      this.#configured = true;
    }
    await rm(this.#logFile, { force: true });
    this.#frozen = false;
    this.#child = new GuardedProcess({
      binary: this.#place.binary,
      arguments: this.#place.sentinel ? [configurationFile, '--sentinel'] : [configurationFile],
      directory: this.#place.directory,
      logFile: this.#logFile,
    });
    await this.waitUntilReady();
    await this.#checkProcess();
    await this.#place.onLaunch(this);
  }

  /**
   * Suspends the process (SIGSTOP), resolving when it stands still: connections stay open, new ones are accepted by the
   * system, and nothing is answered until `thaw()`.
   */
  async freeze(): Promise<void> {
    this.#frozen = true;
    await this.#child?.suspend(signalTimeoutMs);
  }

  /** Lets a frozen process go on (SIGCONT). */
  thaw(): void {
    this.#frozen = false;
    this.#child?.signal('SIGCONT');
  }

  /** Closes every connection of a client, also of subscribers, and returns how many. */
  async dropConnections(): Promise<number> {
    let dropped = 0;
    for (const type of ['normal', 'pubsub'])
      dropped += Number(await this.command('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes'));
    return dropped;
  }

  /** Closes the connections that have this name (CLIENT SETNAME) or, given a number, this id. Returns how many. */
  async dropConnection(nameOrId: string | number): Promise<number> {
    const list = String(await this.command('CLIENT', 'LIST'));
    let dropped = 0;
    for (const line of list.split('\n')) {
      const fields = new Map(line.split(' ').map((field) => field.split('=', 2) as [string, string | undefined]));
      const id = fields.get('id');
      const matches =
        typeof nameOrId === 'number' ? id === String(nameOrId) : nameOrId !== '' && fields.get('name') === nameOrId;
      if (matches && id !== undefined) dropped += Number(await this.command('CLIENT', 'KILL', 'ID', id));
    }
    return dropped;
  }

  /** Ends the server, frozen or not (SHUTDOWN, then SIGKILL), and removes its directory. Does nothing the second time. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#terminate();
    await rm(this.#place.directory, { recursive: true, force: true, maxRetries: 3 });
  }

  get #startTimeoutMs(): number {
    return this.#options.startTimeoutMs ?? 15_000;
  }

  get #logFile(): string {
    return join(this.#place.directory, 'redis.log');
  }

  #configuration(): string {
    const { directory, control, sentinel, directives } = this.#place;
    const tls = this.tls === undefined ? undefined : { port: this.tls.port, ...tlsFixture };
    return redisConfiguration(this.#options, {
      directory,
      port: this.port,
      control,
      tls,
      sentinel,
      directives: directives(),
    });
  }

  #send(
    words: readonly (string | number | Uint8Array)[],
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<RedisReply> {
    return sendCommand({ host, port: this.port, ...this.#place.control, timeoutMs, signal }, words);
  }

  // SHUTDOWN takes effect at once, SIGTERM only with the next tick of the server's timer.
  async #terminate(): Promise<void> {
    const child = this.#child;
    if (child === undefined || !child.running) return;
    child.signal('SIGCONT');
    const asked = this.#send(['SHUTDOWN', 'NOSAVE', 'NOW', 'FORCE'], shutdownTimeoutMs).catch(() => {
      // The answer to a shutdown is a closed connection, and a server that refuses or does not hear it is killed.
    });
    if (!(await child.ended(shutdownTimeoutMs))) await child.kill(signalTimeoutMs);
    await asked;
  }

  async #startError(child: GuardedProcess | undefined): Promise<Error> {
    if (child === undefined || this.#stopped) return new Error(`Redis at ${host}:${this.port} is not started`);
    const log = await readFile(this.#logFile, 'utf8');
    const tail = log.trimEnd().split('\n').slice(-12).join('\n');
    const message = `Redis at ${host}:${this.port} does not run (${child.exit}). The end of its log:\n${tail}`;
    return /Address already in use|Failed listening on port/.test(log)
      ? new PortTakenError(message)
      : new Error(message);
  }

  // Signals go to the process that we started. A script in between that does not `exec` would catch them.
  async #checkProcess(): Promise<void> {
    const information = String(await this.#send(['INFO', 'server'], signalTimeoutMs));
    const pid = Number(/^process_id:(\d+)/m.exec(information)?.[1]);
    if (pid === this.pid) return;
    await this.#terminate();
    throw new Error(
      `${this.#place.binary} runs the server as a child (${pid} instead of ${this.pid}); a wrapper script must \`exec\` it`,
    );
  }
}
