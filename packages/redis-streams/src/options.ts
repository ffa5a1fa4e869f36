import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { OptionsError } from '@events/core';
import type { AppendMode } from './append-mode.js';

/** Options of a transport over Redis Streams: the same for every client. */
export interface RedisTransportOptions<Client = unknown, ClientOptions = object> {
  /** `redis://[[username]:password@]host[:port][/db]`, or `rediss://` for TLS. */
  readonly url?: string;
  /** Default: `127.0.0.1`. */
  readonly host?: string;
  /** Default: 6379. */
  readonly port?: number;
  readonly username?: string;
  readonly password?: string;
  /** Number of the database. Default: 0. */
  readonly db?: number;
  /** Whether to use TLS, or how. Default: `true` for `rediss://`, otherwise `false`. */
  readonly tls?: boolean | TlsOptions;
  /** A client whose options are used. Nothing runs over the client itself, and it is never closed. */
  readonly client?: Client;
  /** Further options of the client, handed to it as they are. Those that the guarantees depend on are refused. */
  readonly clientOptions?: ClientOptions;
  /** `retry` (default) repeats what the server refuses for the time being; `failfast` rejects at once. */
  readonly failoverStrategy?: 'retry' | 'failfast';
  /** How often an operation is repeated after its first attempt. Default: 3. */
  readonly maxRetries?: number;
  /**
   * How the entries of one batch are sent. `pipeline`: a command for each. `script`: one script for all, which costs a
   * client less and the server more, and is used only where EVAL is allowed. `auto` (default): whichever costs less in all.
   */
  readonly append?: AppendMode;
}

/** Where and how to connect, from valid options. */
export interface ServerSettings {
  readonly host: string;
  readonly port: number;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  readonly tls: TlsOptions | undefined;
}

const names = new Set<string>(
  'url host port username password db tls client clientOptions failoverStrategy maxRetries append'.split(' '),
);
const serverNames = ['url', 'host', 'port', 'username', 'password', 'db', 'tls'] as const;

/** Throws `OptionsError` unless every option is known, valid, and in agreement with the others. */
export function checkOptions(options: RedisTransportOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new OptionsError('RedisTransport takes an object with options');
  for (const name of Object.keys(options)) {
    if (!names.has(name)) throw new OptionsError(`RedisTransport has no option ${JSON.stringify(name)}`);
  }
  for (const name of ['host', 'username', 'password', 'url'] as const) {
    const value: unknown = options[name];
    if (value !== undefined && (typeof value !== 'string' || value === ''))
      throw new OptionsError(`${name} must be a non-empty string`);
  }
  checkInteger('port', options.port, 1, 65_535);
  checkInteger('db', options.db, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('maxRetries', options.maxRetries, 0, Number.MAX_SAFE_INTEGER);
  checkOneOf('failoverStrategy', options.failoverStrategy, ['retry', 'failfast']);
  if (options.failoverStrategy === 'failfast' && (options.maxRetries ?? 0) > 0)
    throw new OptionsError("maxRetries contradicts failoverStrategy 'failfast', which never retries");
  checkOneOf('append', options.append, ['auto', 'pipeline', 'script']);
  for (const name of ['client', 'clientOptions'] as const) {
    const value: unknown = options[name];
    if (value !== undefined && (typeof value !== 'object' || value === null))
      throw new OptionsError(`${name} must be an object`);
  }
  if (
    options.tls !== undefined &&
    typeof options.tls !== 'boolean' &&
    (typeof options.tls !== 'object' || options.tls === null)
  ) {
    throw new OptionsError('tls must be true, false, or an object with TLS options');
  }
  if (options.client !== undefined) {
    for (const name of [...serverNames, 'clientOptions'] as const) {
      if (options[name] !== undefined)
        throw new OptionsError(`client and ${name} cannot be given together: the client's own options are used`);
    }
  }
}

function checkInteger(name: string, value: unknown, least: number, most: number): void {
  if (value === undefined) return;
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
    throw new OptionsError(
      `${name} must be an integer from ${least}${most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`}`,
    );
  }
}

function checkOneOf(name: string, value: unknown, allowed: readonly string[]): void {
  if (value === undefined || allowed.includes(value as string)) return;
  throw new OptionsError(`${name} must be ${allowed.map((word) => `'${word}'`).join(' or ')}`);
}

/** Where to connect. Throws `OptionsError`, without the URL in it: it may hold a password. */
export function serverSettings(options: RedisTransportOptions): ServerSettings {
  const { url, tls } = options;
  const own: ServerSettings = {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 6379,
    username: options.username,
    password: options.password,
    db: options.db ?? 0,
    tls: tls === true ? {} : tls === false ? undefined : tls,
  };
  if (own.username !== undefined && own.password === undefined && url === undefined) {
    throw new OptionsError('username was given without password');
  }
  if (url === undefined) return own;
  const parts = parseUrl(url);
  for (const name of ['host', 'port', 'username', 'password', 'db'] as const) {
    if (options[name] !== undefined && (name === 'host' || name === 'port' || parts[name] !== undefined)) {
      throw new OptionsError(`url and ${name} cannot be given together`);
    }
  }
  if (parts.secure && tls === false) throw new OptionsError('tls: false contradicts a rediss:// url');
  if (!parts.secure && tls !== undefined && tls !== false)
    throw new OptionsError('tls contradicts a redis:// url; use rediss://');
  return {
    host: parts.host,
    port: parts.port ?? 6379,
    username: parts.username ?? own.username,
    password: parts.password ?? own.password,
    db: parts.db ?? own.db,
    tls: parts.secure ? (own.tls ?? {}) : undefined,
  };
}

function parseUrl(text: string) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== 'redis:' && url.protocol !== 'rediss:') || url.hostname === '') {
    throw new OptionsError('url must be redis://host:port or rediss://host:port');
  }
  if (url.search !== '' || url.hash !== '') throw new OptionsError('url may not have a query or a fragment');
  const path = url.pathname.replace(/^\//, '');
  if (!/^\d{0,9}$/.test(path)) throw new OptionsError('the path of url must be the number of a database');
  return {
    secure: url.protocol === 'rediss:',
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? undefined : Number(url.port),
    username: decode(url.username),
    password: decode(url.password),
    db: path === '' ? undefined : Number(path),
  };
}

function decode(part: string): string | undefined {
  if (part === '') return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    throw new OptionsError('the username and the password in url must be percent-encoded');
  }
}

/**
 * Throws `OptionsError` when `given`, found at `source`, has an option that is one of the transport's own (`own`), or one
 * that the guarantees need set otherwise (`needed`).
 */
export function refuseConflicts(
  source: string,
  given: object,
  needed: Readonly<Record<string, unknown>>,
  own: readonly string[],
): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (own.includes(name)) throw new OptionsError(`${source}.${name} cannot be set: use the transport's own options`);
    if (!Object.hasOwn(needed, name) || Object.is(value, needed[name])) continue;
    throw new OptionsError(`${source}.${name} cannot be set: the transport's guarantees depend on it`);
  }
}

/** Throws `OptionsError` for a borrowed client that cannot keep the transport's promises. */
export function refuseClient(
  library: string,
  facts: {
    readonly isClient: boolean;
    readonly isCluster: boolean;
    readonly hasSentinels: boolean;
    readonly keyPrefix: unknown;
  },
): void {
  if (!facts.isClient) throw new OptionsError(`client is not a client of ${library}`);
  if (facts.isCluster || facts.hasSentinels) {
    const kind = facts.isCluster ? 'a Cluster' : 'Sentinel';
    throw new OptionsError(
      `client is connected to ${kind}; only one that is connected to a single server can be used yet`,
    );
  }
  if (facts.keyPrefix === undefined || facts.keyPrefix === null || facts.keyPrefix === '') return;
  throw new OptionsError('client has a keyPrefix, which would break the keys of streams; use streamPrefix instead');
}
