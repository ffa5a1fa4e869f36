import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const pollMs = 50;

/**
 * Runs the work while no other process that uses the same lock file does. The lock of a process that has died, or that
 * has held it for longer than `timeoutMs`, is taken over; the work must therefore be harmless when done twice.
 *
 * @throws Error when the lock was not free within twice `timeoutMs`, and whatever the work throws.
 */
export async function withFileLock<T>(file: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const owner = `${process.pid} ${randomBytes(8).toString('hex')}`;
  const deadline = Date.now() + 2 * timeoutMs;
  while (!(await take(file, owner))) {
    if (Date.now() > deadline) throw new Error(`${file} is still held by another process after ${2 * timeoutMs} ms`);
    await removeIfAbandoned(file, timeoutMs);
    await delay(pollMs);
  }
  try {
    return await work();
  } finally {
    if ((await readLock(file))?.owner === owner) await rm(file, { force: true });
  }
}

// A link of a written file appears with its content, where a file created under its final name would be empty at first.
async function take(file: string, owner: string): Promise<boolean> {
  const draft = `${file}.${owner.replace(' ', '.')}`;
  await writeFile(draft, owner);
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function removeIfAbandoned(file: string, timeoutMs: number): Promise<void> {
  const lock = await readLock(file);
  if (lock === undefined || (lock.ageMs <= timeoutMs && isAlive(Number.parseInt(lock.owner, 10)))) return;
  // Several may find it abandoned at once: whoever renames a fresh lock by mistake puts it back.
  const aside = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    await rename(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if ((await readLock(aside))?.owner !== lock.owner) await link(aside, file).catch(toleratesExisting);
  await rm(aside, { force: true });
}

async function readLock(file: string): Promise<{ owner: string; ageMs: number } | undefined> {
  try {
    const [owner, { mtimeMs }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
    return { owner, ageMs: Date.now() - mtimeMs };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function toleratesExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
