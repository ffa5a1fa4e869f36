import { fencedBlocks } from './markdown.js';
import type { Page } from './pages.js';

/**
 * A program that a page shows, in one block or in several. What an HTML comment above a block says of it:
 * - `runs`: a program of its own. `runs: redis`: on an empty server, whose address stands in place of the usual one.
 * - `runs: redis, until SIGINT`: the same, ended by a signal once it has printed what it should.
 * - `runs: tests named <pattern>`: a program for the test runner of Node, of which these tests are run.
 * - `continues`: the program above goes on.
 * - `swaps: redis`: the program above once more, with these lines in place of those that declare the same.
 * - `quotes: path`: no program, but lines of this file, word for word; `…` stands for what is left out.
 * - `fragment`: too short to run alone.
 */
export interface Snippet {
  /** Of its first block: `README.md:12`. */
  readonly name: string;
  readonly needsRedis: boolean;
  readonly untilSignal: boolean;
  /** Which of its tests are run, where it is a program of tests. */
  readonly testNames: string | undefined;
  readonly code: string;
  /** What it says it prints: the text behind each `// → `. */
  readonly prints: readonly string[];
}

/** Lines that a page quotes from a file. */
export interface Quotation {
  readonly name: string;
  readonly path: string;
  readonly parts: readonly string[];
}

const languages = new Set(['ts', 'js', 'typescript', 'javascript', 'mjs', 'mts']);
const usualAddress = 'redis://127.0.0.1:6379';
const longestFragment = 6;

/** What a page shows. `problems` are blocks that cannot be tested as they are. */
export interface PageSnippets {
  readonly path: string;
  readonly programs: readonly Snippet[];
  readonly quotations: readonly Quotation[];
  readonly problems: readonly string[];
}

export function snippetsOf({ path, text }: Page): PageSnippets {
  const programs: Snippet[] = [];
  const quotations: Quotation[] = [];
  const problems: string[] = [];
  for (const { language, directive = '', code, line } of fencedBlocks(text)) {
    if (!languages.has(language)) continue;
    const name = `${path}:${line}`;
    const [kind = '', detail = ''] = directive.split(': ');
    const previous = programs.at(-1);
    if (kind === 'runs') {
      programs.push({
        name,
        needsRedis: detail.startsWith('redis'),
        untilSignal: detail.endsWith('until SIGINT'),
        testNames: /^tests named (.+)$/.exec(detail)?.[1],
        code,
        prints: printed(code),
      });
    } else if (kind === 'continues' && previous !== undefined) {
      const joined = `${previous.code}\n${code}`;
      programs[programs.length - 1] = { ...previous, code: joined, prints: printed(joined) };
    } else if (kind === 'swaps' && previous !== undefined) {
      programs.push({ ...previous, name, needsRedis: detail === 'redis', code: swapped(previous.code, code) });
    } else if (kind === 'quotes') {
      quotations.push({ name, path: detail, parts: code.split(/^ *…$/m).map((part) => part.replace(/^\n|\n$/g, '')) });
    } else if (kind !== 'fragment') {
      problems.push(
        `${name}: no comment above this block says how it is tested (tooling/checks/test/support/snippets.ts)`,
      );
    } else if (code.split('\n').length > longestFragment) {
      problems.push(`${name}: a fragment of more than ${longestFragment} lines can be a program`);
    }
  }
  return { path, programs, quotations, problems };
}

function printed(code: string): string[] {
  return Array.from(code.matchAll(/\/\/ → (.*)$/gm), ([, text = '']) => text.trim());
}

/** Each line of `lines` in place of the one that declares the same name, or imports from another transport. */
function swapped(code: string, lines: string): string {
  const result = code.split('\n');
  for (const line of lines.split('\n').filter((each) => each !== '')) {
    const place = result.findIndex((each) => declares(each) === declares(line));
    if (place === -1) throw new Error(`The program above has no line to be replaced by: ${line}`);
    result[place] = line;
  }
  return result.join('\n');
}

function declares(line: string): string | undefined {
  if (/^import .* from '@events\/(memory|redis-\w+)'/.test(line)) return 'the transport';
  return /^(?:const|let) (\w+)/.exec(line)?.[1];
}

/** The code for a server at `url`. */
export function onServer(code: string, url: string): string {
  return code.replaceAll(usualAddress, url);
}
