/** What kind of server `startRedis` starts. Everything is optional: the default is an empty server without persistence. */
export interface StartRedisOptions {
  /** Path of the executable. Default: what `findRedisServer()` finds. */
  binary?: string;
  /** TCP port of 127.0.0.1. Default: a free one. Tests should not set it. */
  port?: number;
  /**
   * Keep the data over `restart()` in an append-only file: `'always'` flushes it to disk with every write, `'everysec'`
   * and `true` every second. Both survive the end of the process at any point. Default false: a restart loses the data.
   */
  appendOnly?: boolean | 'always' | 'everysec';
  /** Memory limit in bytes, or as text such as `'16mb'`. Writes beyond it are answered with an OOM error. Default: none. */
  maxMemory?: number | string;
  /** Password of the default user. Default: none. */
  password?: string;
  /** Further users as rules of `ACL SETUSER`, for example `'alice on >secret ~orders:* +@all'` or `'default off'`. */
  users?: readonly string[];
  /** Listen with TLS on a second port as well, with the test certificate of this package. Default false. */
  tls?: boolean;
  /** Further directives of redis.conf, value as it is written there. They win over those of the options above. */
  config?: Readonly<Record<string, string | number>>;
  /** Milliseconds for a start or restart until the server answers. Default 15,000. */
  startTimeoutMs?: number;
  /** Milliseconds for one `command()`. Default 10,000. */
  commandTimeoutMs?: number;
}

/** Address and authority of the TLS side of a server. */
export interface RedisTls {
  /** `rediss://` address, with the password if there is one. */
  readonly url: string;
  readonly port: number;
  /** Certificate of the authority in PEM, for the `ca` option of `node:tls` and of the clients. */
  readonly ca: string;
}

/** Options of every server of a set, and what is in front of them. */
export interface RedisSetOptions extends Omit<StartRedisOptions, 'port' | 'tls'> {
  /**
   * TLS everywhere: clients, sentinels, replication and the cluster bus. The addresses of the set are those of the TLS
   * ports. Default false.
   */
  tls?: boolean;
  /** Writes are refused with NOREPLICAS while fewer replicas are linked, or answer within two seconds. Default: none needed. */
  minReplicasToWrite?: number;
  /** A `FaultProxy` between the clients and each server. Servers and sentinels reach each other directly. Default false. */
  proxied?: boolean;
}

/** Where a client connects to. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Where a client finds a server, by the `host:port` that sentinels and cluster nodes tell. */
export type NodeAddressMap = Readonly<Record<string, RedisAddress>>;
