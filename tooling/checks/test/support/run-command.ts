import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { repositoryRoot, rootManifest } from './repository.js';

interface CommandOptions {
  readonly directory?: string;
  readonly timeoutMs?: number;
}

/** Runs a command of this repository's tools and resolves with all it printed; rejects with the same when it fails. */
export async function runCommand(command: string, options: CommandOptions = {}): Promise<string> {
  const { directory = repositoryRoot, timeoutMs = 120_000 } = options;
  const child = spawn(command, { cwd: directory, env: environment(), shell: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  try {
    const ended = await new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(signal ?? String(code)));
    });
    const output = Buffer.concat(chunks).toString();
    if (ended !== '0') throw new Error(`${command} (in ${directory}) ended with ${ended}:\n${output}`);
    return output;
  } finally {
    clearTimeout(timer);
  }
}

/** As a user's shell has it: what `npm test` and Jest set for themselves is not for the programs under test. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(JEST_|NODE_ENV$|NODE_OPTIONS$)/.test(name));
  const version = rootManifest.packageManager.replace('pnpm@', '');
  const tools = [
    join(repositoryRoot, '.tools', `pnpm-${version}`, 'node_modules', '.bin'),
    join(repositoryRoot, 'node_modules', '.bin'),
  ];
  const path = [...tools, process.env.PATH].join(delimiter);
  return { ...Object.fromEntries(kept), PATH: path, FORCE_COLOR: '0' };
}
