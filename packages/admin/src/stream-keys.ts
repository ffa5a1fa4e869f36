/** The first segment of a companion's suffix. */
const companionSegments = new Set(['dlq', 'retry', 'dedup', 'seal', 'consumers', 'partitions', 'groups']);

/** What a key is: a stream, or something that belongs to the stream whose key is `owner`. */
export interface KeyRole {
  /** The key of the stream; of one partition, where it belongs to one. */
  readonly owner: string;
  /** `undefined` for the stream itself. */
  readonly companion: string | undefined;
}

/** The role of `key`, or `undefined` when it is not of the environment that `prefix` names. */
export function roleOf(key: string, prefix: string | undefined): KeyRole | undefined {
  const role = split(key);
  return prefix === undefined || role.owner.startsWith(`${prefix}:`) ? role : undefined;
}

function split(key: string): KeyRole {
  const tagEnd = key.indexOf('}');
  if (!key.includes('{') || tagEnd === -1) return { owner: key, companion: undefined };
  const suffixes = key.slice(tagEnd + 1).split(':');
  const at = suffixes.findIndex((segment) => companionSegments.has(segment));
  if (at === -1) return { owner: key, companion: undefined };
  const companion = suffixes.slice(at).join(':');
  // braces around the whole name are ours, others are part of the name
  if (key.startsWith('{') && at === 1) return { owner: key.slice(1, tagEnd), companion };
  return { owner: `${key.slice(0, tagEnd + 1)}${suffixes.slice(0, at).join(':')}`, companion };
}

/** The stream of which `key` is a partition, and its number; or the key itself. */
export function partitionIn(key: string): { readonly stream: string; readonly partition: number | undefined } {
  const [, stream, number] = key.includes('{') ? [] : (/^(.+):p(\d+)$/.exec(key) ?? []);
  return stream === undefined ? { stream: key, partition: undefined } : { stream, partition: Number(number) };
}

/** The first id after `id`. */
export function idAfter(id: string): string {
  const [time = '0', number = '0'] = id.split('-');
  const highest = 18_446_744_073_709_551_615n;
  return BigInt(number) === highest ? `${BigInt(time) + 1n}-0` : `${time}-${BigInt(number) + 1n}`;
}
