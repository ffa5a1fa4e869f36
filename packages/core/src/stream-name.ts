import { OptionsError, StreamNameError } from './errors.js';

/** The last segment of a companion key, which no stream of a user's may end with. */
const reservedSegments = new Set(['dlq', 'retry', 'dedup', 'seal', 'consumers', 'partitions', 'groups']);

const maxNameLength = 256;

/** `true` = the built-in rules alone, `false` = only what the keys need; a pattern or a predicate is asked in addition. */
export type StreamValidation = boolean | RegExp | ((name: string) => boolean);

/**
 * The key of something that belongs to a stream, in the stream's Redis Cluster slot without asking the user for
 * braces: `orders` → `{orders}:dlq`; where the name has a hash tag already, the suffix alone is added.
 * Source: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
export function companionKey(stream: string, suffix: string): string {
  return stream.includes('{') ? `${stream}:${suffix}` : `{${stream}}:${suffix}`;
}

/** Throws `OptionsError` unless `prefix` may stand before stream names. */
export function checkPrefix(prefix: string): void {
  if (typeof prefix !== 'string' || !/^[A-Za-z0-9._-]{1,128}$/.test(prefix)) {
    throw new OptionsError(
      `streamPrefix ${JSON.stringify(prefix)} may hold only letters, digits, '.', '_' and '-', 128 at most (no colon, no brace)`,
    );
  }
}

/** Throws `OptionsError` unless `name` may name a consumer group or a consumer. */
export function checkMemberName(option: 'group' | 'consumer', name: string): void {
  // the keys of a consumer's name end with group and consumer: one of them must be without colons
  const form = option === 'group' ? /^[A-Za-z0-9][A-Za-z0-9._:@-]{0,199}$/ : /^[A-Za-z0-9][A-Za-z0-9._@-]{0,199}$/;
  if (typeof name === 'string' && form.test(name)) return;
  const marks = option === 'group' ? "'.', '_', ':', '@' and '-'" : "'.', '_', '@' and '-'";
  throw new OptionsError(
    `${option} ${JSON.stringify(name)} must begin with a letter or digit and hold only letters, digits, ${marks}, 200 at most`,
  );
}

/** Throws `OptionsError` unless `validation` is what `streamValidation` may be. */
export function checkStreamValidation(validation: StreamValidation): void {
  if (typeof validation === 'boolean' || typeof validation === 'function' || validation instanceof RegExp) return;
  throw new OptionsError('streamValidation must be true, false, a RegExp or a function');
}

/** The physical key of `name`: `prefix:name`. Throws `StreamNameError` naming the rule that the name breaks. */
export function streamKey(name: string, prefix: string | undefined, validation: StreamValidation): string {
  const problem = problemWith(name, validation);
  if (problem !== undefined) throw new StreamNameError(`Stream name ${JSON.stringify(name)} ${problem}`);
  return prefix === undefined ? name : `${prefix}:${name}`;
}

function problemWith(name: unknown, validation: StreamValidation): string | undefined {
  if (typeof name !== 'string') return 'is not a string';
  if (name === '') return 'is empty';
  if (name.length > maxNameLength) return `has ${name.length} characters; ${maxNameLength} are allowed`;
  const tag = /^[^{}]*\{([^{}]+)\}[^{}]*$/.exec(name)?.[1];
  if (tag === undefined && /[{}]/.test(name)) {
    return 'may hold at most one non-empty {hash tag} and no other brace';
  }
  if (tag !== undefined && name === `{${tag}}`) {
    return `is nothing but a hash tag: its keys would be those that belong to '${tag}'. Write '${tag}', or put something before or behind the braces`;
  }
  if (validation !== false) {
    if (!/^[A-Za-z0-9._:{}-]+$/.test(name)) {
      return "may hold only letters, digits, '.', '_', '-', ':' and one {hash tag}";
    }
    if (name.split(':').includes('')) return 'has an empty segment: a colon stands at an end, or beside another';
  }
  const segments = name.split(':');
  if (/^p\d+$/.test(segments.at(-1) ?? '')) {
    return `ends with ${JSON.stringify(segments.at(-1))}: a 'p' and a number name a partition of the stream before them`;
  }
  // behind a hash tag of the user's, companion keys look like the user's own names
  const telling = tag === undefined ? segments.slice(-1) : segments;
  const reserved = telling.find((segment) => reservedSegments.has(segment));
  if (reserved !== undefined) return `has the segment ${JSON.stringify(reserved)}, which companion keys use`;
  if (validation instanceof RegExp && name.search(validation) === -1) return `does not match ${String(validation)}`;
  if (typeof validation === 'function' && validation(name) !== true) return 'is refused by streamValidation';
  return undefined;
}
