import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { repositoryRoot, workspaces } from './repository.js';
import { runCommand } from './run-command.js';
import type { Snippet } from './snippets.js';

const timeoutMs = 20_000;

/** What a program did. */
export interface Outcome {
  readonly exit: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** A user's project in a directory of its own, with the compiled packages in its node_modules. */
export class SnippetProject {
  readonly #directory: string;
  readonly #programs: ReadonlyMap<Snippet, string>;
  readonly #diagnostics: string;

  private constructor(directory: string, programs: ReadonlyMap<Snippet, string>, diagnostics: string) {
    this.#directory = directory;
    this.#programs = programs;
    this.#diagnostics = diagnostics;
  }

  /** Writes the programs and compiles them, all in one go. */
  static async create(programs: readonly (readonly [Snippet, string])[]): Promise<SnippetProject> {
    const directory = await mkdtemp(join(tmpdir(), 'events-snippets-'));
    const files = new Map(programs.map(([snippet], index) => [snippet, `program-${index}`]));
    for (const [snippet, code] of programs) {
      await writeFile(join(directory, `${files.get(snippet)}.ts`), `${code}\nexport {};\n`);
      for (const name of importedPackages(code)) await link(directory, name);
    }
    await writeFile(join(directory, 'package.json'), '{ "private": true, "type": "module" }');
    const typeRoots = [join(repositoryRoot, 'node_modules/@types')];
    const compilerOptions = {
      ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: true },
      ...{ module: 'nodenext', target: 'es2023', lib: ['es2023'], types: ['node'], typeRoots },
    };
    await writeFile(join(directory, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    const diagnostics = await runCommand('tsc --pretty false', { directory }).catch((error: Error) => error.message);
    return new SnippetProject(directory, files, diagnostics);
  }

  /** What the compiler says against a program. */
  diagnosticsOf(snippet: Snippet): string[] {
    const file = `${this.#programs.get(snippet)}.ts`;
    return this.#diagnostics.split('\n').filter((line) => line.startsWith(file));
  }

  /** Runs a program as `node program.js`, to its end. */
  async run(snippet: Snippet): Promise<Outcome> {
    const kept = Object.entries(process.env).filter(([name]) => !/^(JEST_|NODE_ENV$|NODE_OPTIONS$)/.test(name));
    const options = snippet.testNames === undefined ? [] : [`--test-name-pattern=${snippet.testNames}`];
    const child = spawn(process.execPath, [...options, `${this.#programs.get(snippet)}.js`], {
      cwd: this.#directory,
      env: Object.fromEntries(kept),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (snippet.untilSignal && linesOf(stdout).length >= snippet.prints.length) child.kill('SIGINT');
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    const exit = await new Promise<string>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(signal ?? String(code)));
    });
    clearTimeout(timer);
    return { exit, stdout, stderr };
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** The lines of an output, without the empty ones. */
export function linesOf(output: string): string[] {
  return output.split('\n').filter((line) => line.trim() !== '');
}

function importedPackages(code: string): Set<string> {
  const specifiers = Array.from(code.matchAll(/^import [^']*'([^'.][^']*)'/gm), ([, specifier = '']) => specifier);
  const names = specifiers.map((specifier) => /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier);
  return new Set(names.filter((name) => !name.startsWith('node:')));
}

async function link(directory: string, name: string): Promise<void> {
  const place = join(directory, 'node_modules', name);
  if (existsSync(place)) return;
  const own = workspaces.find(({ manifest }) => manifest.name === name);
  const candidates = own === undefined ? workspaces.map(({ path }) => `${path}/node_modules/${name}`) : [own.path];
  const source = candidates.map((path) => join(repositoryRoot, path)).find((path) => existsSync(path));
  if (source === undefined) throw new Error(`A snippet imports ${name}, which no package of this repository has`);
  await mkdir(dirname(place), { recursive: true });
  await symlink(source, place);
}
