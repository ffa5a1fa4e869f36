// What the documentation shows works: every program is type-checked and run as a user would run it, on compiled packages.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startRedis } from '@events/tooling-redis';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pages } from './support/pages.js';
import { repositoryRoot } from './support/repository.js';
import { linesOf, SnippetProject } from './support/snippet-project.js';
import { onServer, snippetsOf } from './support/snippets.js';

const found = pages.map(snippetsOf);
const programs = found.flatMap((page) => page.programs);
const quotations = found.flatMap((page) => page.quotations);

let server: Awaited<ReturnType<typeof startRedis>>;
let project: SnippetProject;

beforeAll(async () => {
  server = await startRedis();
  project = await SnippetProject.create(programs.map((snippet) => [snippet, onServer(snippet.code, server.url)]));
}, 60_000);

afterAll(async () => {
  await project.remove();
  await server.stop();
});

test('every block of code says how it is tested', () => {
  expect(found.flatMap(({ problems }) => problems)).toEqual([]);
});

describe.each(programs.map((snippet) => [snippet.name, snippet] as const))('%s', (_name, snippet) => {
  test('is typed', () => {
    expect(project.diagnosticsOf(snippet)).toEqual([]);
  });

  test('runs, and prints what it says', async () => {
    if (snippet.needsRedis) await server.command('FLUSHALL');
    const { exit, stdout, stderr } = await project.run(snippet);
    const printed = snippet.testNames === undefined ? linesOf(stdout) : linesOf(stdout).filter(isFailedTest);
    expect({ exit, stderr, printed: printed.sort() }).toEqual({
      exit: '0',
      stderr: '',
      printed: [...snippet.prints].sort(),
    });
    if (snippet.testNames !== undefined) expect(stdout).toMatch(/^. pass [1-9]/m);
  });
});

describe.each(quotations.map((quotation) => [quotation.name, quotation] as const))('%s', (_name, { path, parts }) => {
  test(`is in ${path}, word for word`, () => {
    const source = readFileSync(join(repositoryRoot, path), 'utf8');
    for (const part of parts) expect(source).toContain(part);
  });
});

function isFailedTest(line: string): boolean {
  return /^\s*(not ok|✖)/.test(line);
}
