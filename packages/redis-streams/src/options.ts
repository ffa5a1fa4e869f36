import type { ConnectionOptions as TlsOptions } from 'node:tls';
import { OptionsError } from '@events/core';
import type { AppendMode } from './append-mode.js';
import { type Endpoint, nodeAddressMapOf, type Origin } from './connector.js';

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
  /** Sentinels to ask for the master: some of them are enough. With `name`, and instead of `url`, `host` and `port`. */
  readonly sentinels?: readonly NodeAddress[];
  /** What the sentinels call the master. */
  readonly name?: string;
  /** The user that the sentinels know, where it is not the one of the servers' `username`. */
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  /** Whether to use TLS with sentinels, or how. Default: `false`. */
  readonly sentinelTls?: boolean | TlsOptions;
  /** Nodes of a Redis Cluster: some of them are enough. Instead of `url`, `host` and `port`. */
  readonly cluster?: readonly NodeAddress[];
  /**
   * Where servers are reached whose announced addresses (`host:port`) lead nowhere from here, as behind NAT: those of
   * masters and sentinels, or of nodes of a cluster. An object, or a function that gives `undefined` for what is right.
   */
  readonly nodeAddressMap?: Readonly<Record<string, NodeAddress>> | ((address: string) => NodeAddress | undefined);
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

/** Where a server listens. */
export interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

/** Where and how to connect, from valid options. */
export interface ServerSettings {
  readonly origin: Origin;
  /** How to log in to sentinels. */
  readonly sentinel: {
    readonly username: string | undefined;
    readonly password: string | undefined;
    readonly tls: TlsOptions | undefined;
  };
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly db: number;
  readonly tls: TlsOptions | undefined;
}

const placeNames = ['url', 'host', 'port'] as const;
const sentinelNames = ['name', 'sentinelUsername', 'sentinelPassword', 'sentinelTls'] as const;
const serverNames = [
  ...placeNames,
  ...(['username', 'password', 'db', 'tls', 'sentinels', 'cluster', 'nodeAddressMap'] as const),
  ...sentinelNames,
] as const;
const names = new Set<string>([
  ...serverNames,
  ...['client', 'clientOptions', 'failoverStrategy', 'maxRetries', 'append'],
]);

/** Throws `OptionsError` unless every option is known, valid, and in agreement with the others. */
export function checkOptions(options: RedisTransportOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new OptionsError('RedisTransport takes an object with options');
  for (const name of Object.keys(options)) {
    if (!names.has(name)) throw new OptionsError(`RedisTransport has no option ${JSON.stringify(name)}`);
  }
  for (const name of ['host', 'username', 'password', 'url', 'name', 'sentinelUsername', 'sentinelPassword'] as const) {
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
  for (const name of ['tls', 'sentinelTls'] as const) {
    const value: unknown = options[name];
    if (value === undefined || typeof value === 'boolean' || (typeof value === 'object' && value !== null)) continue;
    throw new OptionsError(`${name} must be true, false, or an object with TLS options`);
  }
  if (options.client !== undefined) {
    for (const name of [...serverNames, 'clientOptions'] as const) {
      if (options[name] !== undefined)
        throw new OptionsError(`client and ${name} cannot be given together: the client's own options are used`);
    }
  }
  checkNodes('sentinels', options.sentinels);
  checkNodes('cluster', options.cluster);
  checkAddressMap(options.nodeAddressMap);
  checkTopology(options);
}

function checkNodes(name: string, nodes: unknown): void {
  if (nodes === undefined) return;
  if (!Array.isArray(nodes) || nodes.length === 0)
    throw new OptionsError(`${name} must be a list of { host, port }, with one of them at least`);
  for (const node of nodes) {
    if (!isNode(node)) throw new OptionsError(`${name} must hold nothing but { host, port }`);
  }
}

function isNode(node: unknown): node is NodeAddress {
  const { host, port } = (node ?? {}) as { host?: unknown; port?: unknown };
  return (
    typeof host === 'string' && host !== '' && Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65_535
  );
}

function checkAddressMap(map: unknown): void {
  if (map === undefined || typeof map === 'function') return;
  if (typeof map === 'object' && map !== null && Object.values(map).every(isNode)) return;
  throw new OptionsError("nodeAddressMap must be a function, or an object of 'host:port' and { host, port }");
}

function checkTopology(options: RedisTransportOptions): void {
  const { sentinels, cluster } = options;
  if (sentinels !== undefined && cluster !== undefined)
    throw new OptionsError('sentinels and cluster cannot be given together');
  const way = sentinels !== undefined ? 'sentinels' : cluster !== undefined ? 'cluster' : undefined;
  for (const name of placeNames) {
    if (way !== undefined && options[name] !== undefined)
      throw new OptionsError(`${way} and ${name} cannot be given together`);
  }
  if (sentinels !== undefined && options.name === undefined)
    throw new OptionsError('sentinels need name: what they call the master');
  for (const name of sentinelNames) {
    if (sentinels === undefined && options[name] !== undefined)
      throw new OptionsError(`${name} means nothing without sentinels`);
  }
  if (way === undefined && options.nodeAddressMap !== undefined)
    throw new OptionsError('nodeAddressMap means nothing without sentinels or cluster');
  if (cluster !== undefined && (options.db ?? 0) !== 0)
    throw new OptionsError('cluster and db cannot be given together: a cluster has one database');
  if (options.sentinelUsername !== undefined && options.sentinelPassword === undefined)
    throw new OptionsError('sentinelUsername was given without sentinelPassword');
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
    origin: originOf(options),
    sentinel: {
      username: options.sentinelUsername,
      password: options.sentinelPassword,
      tls: tlsOptions(options.sentinelTls),
    },
    username: options.username,
    password: options.password,
    db: options.db ?? 0,
    tls: tlsOptions(tls),
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
    ...own,
    origin: { kind: 'server', at: { host: parts.host, port: parts.port ?? 6379 } },
    username: parts.username ?? own.username,
    password: parts.password ?? own.password,
    db: parts.db ?? own.db,
    tls: parts.secure ? (own.tls ?? {}) : undefined,
  };
}

function originOf(options: RedisTransportOptions): Origin {
  const { sentinels, cluster, name = '' } = options;
  const mapAddress = nodeAddressMapOf(options.nodeAddressMap);
  if (sentinels !== undefined) return { kind: 'sentinel', name, at: sentinels.map(placeOf), mapAddress };
  if (cluster !== undefined) return { kind: 'cluster', at: cluster.map(placeOf), mapAddress };
  return { kind: 'server', at: { host: options.host ?? '127.0.0.1', port: options.port ?? 6379 } };
}

function placeOf({ host, port }: NodeAddress): Endpoint {
  return { host, port };
}

function tlsOptions(tls: boolean | TlsOptions | undefined): TlsOptions | undefined {
  if (tls === true) return {};
  return tls === false ? undefined : tls;
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
  facts: { readonly isClient: boolean; readonly keyPrefix: unknown },
): void {
  if (!facts.isClient) throw new OptionsError(`client is not a client of ${library}`);
  if (facts.keyPrefix === undefined || facts.keyPrefix === null || facts.keyPrefix === '') return;
  throw new OptionsError('client has a keyPrefix, which would break the keys of streams; use streamPrefix instead');
}
