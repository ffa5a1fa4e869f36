import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { withFileLock } from '../src/file-lock.js';

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'events-lock-'));
  file = join(directory, 'lock');
});
afterEach(() => rm(directory, { recursive: true }));

describe('withFileLock', () => {
  test('lets one in at a time, and leaves no file behind', async () => {
    let inside = 0;
    const work = async () => {
      inside += 1;
      expect(inside).toBe(1);
      for (let count = 0; count < 20; count += 1) await turn();
      inside -= 1;
      return 'done';
    };
    expect(await Promise.all(Array.from({ length: 5 }, () => withFileLock(file, 10_000, work)))).toEqual(
      Array(5).fill('done'),
    );
    expect(await readdir(directory)).toEqual([]);
  });

  test('is free again after an error', async () => {
    await expect(withFileLock(file, 1_000, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await withFileLock(file, 1_000, async () => 'next')).toBe('next');
  });

  test('takes over from a process that has died', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    await writeFile(file, `${pid} 00`);
    const all = await Promise.all([1, 2, 3].map((number) => withFileLock(file, 10_000, async () => number)));
    expect(all).toEqual([1, 2, 3]);
    expect(await readdir(directory)).toEqual([]);
  });

  test('takes over from a process that has held it for too long', async () => {
    await writeFile(file, `${process.pid} 00`);
    const longAgo = new Date(Date.now() - 60_000);
    await utimes(file, longAgo, longAgo);
    expect(await withFileLock(file, 30_000, async () => 'mine')).toBe('mine');
  });
});
