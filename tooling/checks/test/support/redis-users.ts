import { headings, section, tableRows } from './markdown.js';
import { readPage } from './pages.js';

/** What `apps/docs/redis-users.md` says of a role. */
export interface Role {
  /** The name of the user in the example. */
  readonly username: string;
  readonly password: string;
  /** The words of the line, from `on` on. */
  readonly rule: readonly string[];
  /** What to add, by the first cell of its row. */
  readonly additions: ReadonlyMap<string, readonly string[]>;
}

const page = readPage('apps/docs/redis-users.md').text;

function additionsIn(text: string): ReadonlyMap<string, readonly string[]> {
  const rows = tableRows(text).filter(([, add = '']) => /^`.*[+]/.test(add));
  return new Map(rows.map(([name = '', add = '']) => [name.replaceAll('`', ''), add.replaceAll('`', '').split(' ')]));
}

function roleIn(heading: string): Role {
  const text = section(page, heading);
  const line = text.split('\n').find((each) => each.startsWith('ACL SETUSER ')) ?? '';
  const [, , username = '', ...rule] = line.split(' ');
  const password = rule.find((word) => word.startsWith('>'))?.slice(1) ?? '';
  return { username, password, rule, additions: additionsIn(text) };
}

export const roles = {
  publisher: roleIn('Publisher'),
  consumer: roleIn('Consumer'),
  reader: roleIn('Reader'),
  operator: roleIn('Operator'),
  finder: roleIn('Sentinel'),
};

/** What everybody adds, by who and where. */
export const everybody = additionsIn(section(page, 'Everybody'));
export const onCluster = additionsIn(section(page, 'Cluster'));

/** Every text that adds permissions, for a test that none is left out. */
export const additionNames = headings(page).flatMap(({ text }) => [...additionsIn(section(page, text)).keys()]);

/** The words that make the user of `role`, with `additions`. */
export function ruleOf(role: Role, ...additions: readonly (readonly string[])[]): readonly string[] {
  return [role.username, 'reset', ...role.rule, ...additions.flat()];
}

/** The commands that a rule allows, in lower case, subcommands as `xgroup|create`. */
export function commandsIn(rule: readonly string[]): string[] {
  return [...new Set(rule.flatMap((word) => Array.from(word.matchAll(/\+([a-z|]+)/g), ([, name = '']) => name)))];
}
