// No link of the documentation leads nowhere.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from '@jest/globals';
import { headings } from './support/markdown.js';
import { pages } from './support/pages.js';
import { repositoryRoot } from './support/repository.js';

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{Letter}\p{Number}\s_-]/gu, '')
    .replaceAll(' ', '-');
}

test.each(pages.map(({ path, text }) => [path, text] as const))('%s', (path, text) => {
  const targets = Array.from(text.matchAll(/\]\(([^)\s]+)\)/g), ([, target = '']) => target);
  const broken = targets.filter((target) => {
    if (/^https?:/.test(target)) return false;
    const [file = '', anchor] = target.split('#');
    const place = file === '' ? path : normalize(join(dirname(path), file));
    if (!existsSync(join(repositoryRoot, place))) return true;
    if (anchor === undefined) return false;
    const page = readFileSync(join(repositoryRoot, place), 'utf8');
    return !headings(page).some((heading) => anchorOf(heading.text) === anchor);
  });
  expect(broken).toEqual([]);
});
