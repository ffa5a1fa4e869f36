import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import type { EventContracts } from '@events/core';
import { type AsyncApiOptions, toAsyncApi } from './async-api.js';
import { type Compatibility, compareContracts } from './compare-contracts.js';
import { type ContractsDocument, checkContractsDocument, describeContracts } from './describe-contracts.js';
import { toHtml } from './to-html.js';

const usage = `Usage: events-contracts COMMAND CONTRACTS... [options]

CONTRACTS is a module that exports a registry (as 'events', 'contracts' or its default, or as --export says),
or a file that 'describe' has written.

  describe CONTRACTS                       the registry as JSON: to be committed, and compared with
  compare BEFORE AFTER                     names every change; exits with 1 when one of them is breaking
  asyncapi CONTRACTS --options FILE        an AsyncAPI 3 document; FILE: { title, version, streams, ... } as JSON
  html CONTRACTS --title TEXT              a web page

Options:
  --export NAME          what the module calls its registry
  --out FILE             write there instead of to the standard output
  --compatibility MODE   backward (default), forward or full
  --json                 compare: the changes as JSON
`;

/** What a program may write to. */
export interface Output {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

interface Values {
  readonly export?: string | undefined;
  readonly out?: string | undefined;
  readonly compatibility?: string | undefined;
  readonly options?: string | undefined;
  readonly title?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Runs a command. Resolves with the exit code: 0, 1 for breaking changes, 2 for whatever could not be done. */
export async function runCommandLine(words: readonly string[], output: Output): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        export: { type: 'string' },
        out: { type: 'string' },
        compatibility: { type: 'string' },
        options: { type: 'string' },
        title: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    const [command = '', ...paths] = positionals;
    if (values.help === true) {
      output.stdout.write(usage);
      return 0;
    }
    return await perform(command, paths, values, output);
  } catch (error) {
    output.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
}

async function perform(command: string, paths: readonly string[], values: Values, output: Output): Promise<number> {
  const load = async (path: string | undefined) => {
    if (path === undefined) throw new Error(usage);
    return loadContracts(path, values.export);
  };
  const give = async (text: string) => {
    if (values.out === undefined) output.stdout.write(text);
    else await writeFile(values.out, text);
    return 0;
  };
  const expected = command === 'compare' ? 2 : 1;
  if (paths.length > expected) throw new Error(`${command} takes ${expected} of CONTRACTS, not ${paths.length}`);
  switch (command) {
    case 'describe':
      return give(`${JSON.stringify(await load(paths[0]), null, 2)}\n`);
    case 'asyncapi': {
      if (values.options === undefined)
        throw new Error('asyncapi needs --options: a file with title, version and streams');
      const options = JSON.parse(await readFile(values.options, 'utf8')) as AsyncApiOptions;
      return give(`${JSON.stringify(toAsyncApi(await load(paths[0]), options), null, 2)}\n`);
    }
    case 'html':
      return give(toHtml(await load(paths[0]), { title: values.title ?? '' }));
    case 'compare':
      return compare(await load(paths[0]), await load(paths[1]), values, give);
    default:
      throw new Error(command === '' ? usage : `There is no command '${command}'.\n\n${usage}`);
  }
}

async function compare(
  before: ContractsDocument,
  after: ContractsDocument,
  { compatibility, json }: Values,
  give: (text: string) => Promise<number>,
): Promise<number> {
  const changes = compareContracts(before, after, { compatibility: compatibility as Compatibility | undefined });
  const breaking = changes.filter(({ isBreaking }) => isBreaking).length;
  const lines = changes.map(({ type, version, path, message, isBreaking }) => {
    const where = `${type}${version === undefined ? '' : ` version ${version}`}${path === '' ? '' : ` ${path}`}`;
    return `${isBreaking ? 'BREAKING' : 'ok      '}  ${where}: ${message}`;
  });
  const told = [...lines, `${breaking} breaking, ${changes.length - breaking} other changes`].join('\n');
  await give(`${json === true ? JSON.stringify(changes, null, 2) : told}\n`);
  return breaking > 0 ? 1 : 0;
}

async function loadContracts(path: string, name: string | undefined): Promise<ContractsDocument> {
  if (path.endsWith('.json')) {
    try {
      return checkContractsDocument(JSON.parse(await readFile(path, 'utf8')));
    } catch (error) {
      throw new Error(`${path}: ${(error as Error).message}`);
    }
  }
  const module = (await import(pathToFileURL(resolve(path)).href)) as Readonly<Record<string, unknown>>;
  const names = name === undefined ? ['events', 'contracts', 'default'] : [name];
  const found = names.map((each) => module[each]).find((each) => each !== undefined);
  if (found === undefined) throw new Error(`${path} exports nothing called ${names.join(', ')}`);
  return describeContracts(found as EventContracts);
}
