import { choice } from '@events/core';
import { type ContractsDocument, checkContractsDocument, type VersionDescription } from './describe-contracts.js';
import { narrowings } from './narrowings.js';

/**
 * What must still work: `backward` = consumers with the new contracts handle what was published under the old ones; `forward` =
 * consumers with the old contracts handle what is published under the new ones; `full` = both.
 */
export type Compatibility = 'backward' | 'forward' | 'full';

/** One difference between two registries. */
export interface ContractChange {
  readonly type: string;
  /** Of the contract; `undefined` where it is about the type as a whole. */
  readonly version: number | undefined;
  /** Dotted, of the field concerned; empty for the data as a whole. */
  readonly path: string;
  readonly message: string;
  readonly isBreaking: boolean;
}

/**
 * What has changed between two registries, breaking changes first. What cannot be judged counts as breaking. Fields that are new and
 * optional are no change: stored data with a field of that name and another type is thought not to exist.
 *
 * @throws OptionsError for something that is not a description of contracts, and for an unknown compatibility
 */
export function compareContracts(
  before: ContractsDocument,
  after: ContractsDocument,
  { compatibility }: { readonly compatibility?: Compatibility | undefined } = {},
): ContractChange[] {
  const mode = choice<Compatibility>('compatibility', compatibility, 'backward', ['backward', 'forward', 'full']);
  const [old, next] = [checkContractsDocument(before).events, checkContractsDocument(after).events];
  const changes: ContractChange[] = [];
  for (const [type, { versions }] of Object.entries(old)) {
    const now = Object.hasOwn(next, type) ? next[type] : undefined;
    if (now === undefined) changes.push(change(type, undefined, 'the type is gone', mode !== 'forward'));
    else changes.push(...compareVersions(type, versions, now.versions, mode));
  }
  for (const type of Object.keys(next)) {
    if (!Object.hasOwn(old, type)) changes.push(change(type, undefined, 'the type is new', false));
  }
  return changes.sort((left, right) => Number(right.isBreaking) - Number(left.isBreaking));
}

function change(
  type: string,
  version: number | undefined,
  message: string,
  isBreaking: boolean,
  path = '',
): ContractChange {
  return { type, version, path, message, isBreaking };
}

function compareVersions(
  type: string,
  old: readonly VersionDescription[],
  next: readonly VersionDescription[],
  mode: Compatibility,
): ContractChange[] {
  const changes = old.flatMap((version, index) => {
    const now = next[index];
    if (now === undefined) return [change(type, index + 1, 'the version is gone', mode !== 'forward')];
    return compareVersion(type, index + 1, version, now, mode);
  });
  if (next.length > old.length) {
    const message = `is new, and consumers that end with version ${old.length} do not handle it: deploy them first`;
    changes.push(change(type, next.length, message, mode !== 'backward'));
  }
  return changes;
}

function compareVersion(
  type: string,
  version: number,
  { published: old }: VersionDescription,
  { published: next }: VersionDescription,
  mode: Compatibility,
): ContractChange[] {
  if (old === null && next === null) return [];
  if (old === null || next === null) {
    const message = `has ${next === null ? 'no JSON Schema any more' : 'a JSON Schema now'}, and cannot be compared`;
    return [change(type, version, message, true)];
  }
  const changes: ContractChange[] = [];
  if (mode !== 'forward') {
    for (const { path, message } of narrowings(old, next)) changes.push(change(type, version, message, true, path));
  }
  if (mode !== 'backward') {
    for (const { path, message } of narrowings(next, old)) {
      changes.push(change(type, version, `seen by old consumers: ${message.replaceAll(' now', '')}`, true, path));
    }
  }
  return changes;
}
