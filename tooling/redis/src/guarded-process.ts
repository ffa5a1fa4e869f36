import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { startAlarm } from './alarm.js';
import { runProgram } from './run-program.js';
import { until } from './until.js';

/** What to start, and the directory that belongs to it. */
export interface GuardedProcessOptions {
  readonly binary: string;
  readonly arguments: readonly string[];
  /** Working directory. It is removed together with the process when the starting process dies. */
  readonly directory: string;
  /** File that receives standard output and standard error. */
  readonly logFile: string;
}

// A killed process runs no exit hook. So a second small shell waits on a pipe whose other end only the starting process
// holds: end of file means that it is gone, and a line means that the server has ended and there is nothing to guard.
// `exec` keeps the process id, which makes `$$` the id of the server. $0 is the directory.
const guardScript = `
( ( trap '' HUP INT TERM
    if read -r word <&3; then exit; fi
    kill -9 $$
    rm -rf "$0" || { sleep 1; rm -rf "$0"; }
  ) </dev/null >/dev/null 2>&1 & )
exec "$@" 3<&-
`;

/**
 * A child process that never outlives its starter, neither after an ordinary exit nor after SIGKILL. It runs in a
 * session of its own, so Ctrl-C at the terminal does not reach it, and it does not keep the starter's event loop alive.
 */
export class GuardedProcess {
  readonly #child: ChildProcess;
  readonly #directory: string;
  readonly #ended: Promise<void>;
  /** Aborted when the process has ended: what one waits for meanwhile will not happen then. */
  readonly endSignal: AbortSignal;
  #running = true;
  #exit = '';

  constructor(options: GuardedProcessOptions) {
    const log = openSync(options.logFile, 'a');
    try {
      this.#child = spawn('/bin/sh', ['-c', guardScript, options.directory, options.binary, ...options.arguments], {
        cwd: options.directory,
        detached: true,
        stdio: ['ignore', log, log, 'pipe'],
      });
    } finally {
      closeSync(log);
    }
    this.#directory = options.directory;
    const lifeline = this.#child.stdio[3] as Socket;
    lifeline.on('error', () => undefined); // a guard that is already gone needs no message
    lifeline.unref();
    this.#child.unref();
    const atEnd = new AbortController();
    this.endSignal = atEnd.signal;
    this.#ended = new Promise((resolve) => {
      const end = (reason: string) => {
        this.#running = false;
        this.#exit = reason;
        lifeline.end('ended\n');
        unregister(this);
        atEnd.abort(new Error(`Process ${this.pid} has ended (${reason})`));
        resolve();
      };
      this.#child.once('error', (error) => end(error.message));
      this.#child.once('exit', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
    register(this);
  }

  /** Process id, also after the end. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#running;
  }

  /** How the process ended, empty while it runs. */
  get exit(): string {
    return this.#exit;
  }

  /** Sends a signal. Nothing happens when the process has ended. */
  signal(signal: NodeJS.Signals): void {
    if (this.#running) this.#child.kill(signal);
  }

  /** Resolves to true when the process has ended, to false when it still runs after so many milliseconds. */
  async ended(timeoutMs: number): Promise<boolean> {
    const alarm = startAlarm(timeoutMs);
    await Promise.race([this.#ended, alarm.rings]);
    alarm.stop();
    return !this.#running;
  }

  /** Sends SIGSTOP and resolves when the process stands still. @throws Error when it does not within `timeoutMs`. */
  async suspend(timeoutMs: number): Promise<void> {
    this.signal('SIGSTOP');
    const standsStill = async () => !this.#running || (await processState(this.pid)).startsWith('T');
    await until(standsStill, { timeoutMs, intervalMs: 1, message: `process ${this.pid} to be suspended` });
  }

  /** Ends the process with SIGKILL. @throws Error when it has not ended after `timeoutMs`. */
  async kill(timeoutMs: number): Promise<void> {
    this.signal('SIGKILL');
    if (!(await this.ended(timeoutMs))) throw new Error(`Process ${this.pid} still runs ${timeoutMs} ms after SIGKILL`);
  }

  /** Kills without waiting and removes the directory: for the exit of the starting process only. */
  killAtExit(): void {
    this.signal('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

// The state letter as ps prints it. A slim Linux image has no ps, macOS no /proc.
async function processState(pid: number): Promise<string> {
  if (process.platform === 'linux') {
    const status = await readFile(`/proc/${pid}/stat`, 'utf8');
    return status.slice(status.lastIndexOf(')') + 2);
  }
  const { output } = await runProgram('ps', ['-o', 'state=', '-p', String(pid)], { timeoutMs: 1_000 });
  return output.trim();
}

const running = new Set<GuardedProcess>();

function killAll(): void {
  for (const started of running) started.killAtExit();
}

function register(started: GuardedProcess): void {
  if (running.size === 0) process.on('exit', killAll);
  running.add(started);
}

function unregister(ended: GuardedProcess): void {
  running.delete(ended);
  if (running.size === 0) process.off('exit', killAll);
}
