import type { StartRedisOptions } from './redis-options.js';

/** A user of our own that exists beside those of the options. */
export interface ControlUser {
  readonly username: string;
  readonly password: string;
}

/** The parts of a configuration that are decided at the start, beside the options. */
export interface ConfigurationParts {
  readonly directory: string;
  readonly port: number;
  readonly control: ControlUser;
  /** A sentinel holds no data and refuses what is about data. */
  readonly sentinel: boolean;
  /** Directives beside those of the options, which win over these. */
  readonly directives: readonly string[];
  readonly tls:
    | {
        readonly port: number;
        readonly certificateFile: string;
        readonly keyFile: string;
        readonly authorityFile: string;
      }
    | undefined;
}

/**
 * The text of redis.conf.
 *
 * @throws Error when an option holds a line break, which would smuggle in another directive.
 */
export function redisConfiguration(options: StartRedisOptions, parts: ConfigurationParts): string {
  const lines = [
    'bind 127.0.0.1',
    `port ${parts.port}`,
    `dir ${quoted(parts.directory)}`,
    'daemonize no',
    // A user of our own lets the tooling in whatever the options say about passwords and users, and proves to it that
    // the server behind the port is the one that it started.
    `user ${parts.control.username} on >${parts.control.password} ~* &* +@all`,
  ];
  const { appendOnly = false, maxMemory, password, users = [], config = {} } = options;
  if (!parts.sentinel) lines.push('save ""', 'enable-debug-command local');
  if (appendOnly !== false)
    lines.push('appendonly yes', `appendfsync ${appendOnly === true ? 'everysec' : appendOnly}`);
  if (maxMemory !== undefined) lines.push(`maxmemory ${maxMemory}`, 'maxmemory-policy noeviction');
  if (password !== undefined) lines.push(`requirepass ${quoted(password)}`);
  for (const user of users) lines.push(`user ${user}`);
  if (parts.tls !== undefined) {
    lines.push(
      `tls-port ${parts.tls.port}`,
      `tls-cert-file ${quoted(parts.tls.certificateFile)}`,
      `tls-key-file ${quoted(parts.tls.keyFile)}`,
      `tls-ca-cert-file ${quoted(parts.tls.authorityFile)}`,
      'tls-auth-clients no',
    );
  }
  lines.push(...parts.directives);
  for (const [directive, value] of Object.entries(config)) lines.push(`${directive} ${value}`);
  const broken = lines.find((line) => /[\r\n]/.test(line));
  if (broken !== undefined) throw new Error(`A Redis option must not hold a line break: ${JSON.stringify(broken)}`);
  return `${lines.join('\n')}\n`;
}

function quoted(text: string): string {
  const bytes = Buffer.from(text);
  let body = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    body += /[\w\-./:@ ]/.test(character) ? character : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return `"${body}"`;
}
