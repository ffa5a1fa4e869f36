import type { Failure, FailureKind } from '@events/core';
import { LinkFailure } from './connector.js';

/** What verbs reject with: a failure that is classified already, with a cause that holds no payload and no secret. */
export class RedisFailure extends Error implements Failure {
  readonly kind: FailureKind;
  override readonly cause: Error;

  constructor(kind: FailureKind, cause: Error) {
    super(cause.message);
    this.name = 'RedisFailure';
    this.kind = kind;
    this.cause = cause;
  }
}

/** An error that the server answered with. `code` is the first word of its text. */
class RedisReplyError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'RedisReplyError';
    this.code = code;
  }
}

/** A connection that could not be opened, ended, or went silent. `code` is an errno where there is one. */
class RedisConnectionError extends Error {
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.name = 'RedisConnectionError';
    this.code = code;
  }
}

/**
 * What a reply's first word means: it is the one part of an error text that stays the same between versions of Redis,
 * Valkey and others. A word that is not here is ambiguous.
 */
const kindOfCode = new Map<string, FailureKind>([
  // there is no server yet, or no longer, that could do it: a failover or a slot that moves takes its time
  ...each('offline', 'LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN'),
  ...each('refused', 'MOVED', 'ASK', 'READONLY', 'OOM', 'NOREPLICAS', 'MISCONF', 'BUSY', 'UNBLOCKED', 'NOSCRIPT'),
  ...each('invalid', 'ERR', 'WRONGTYPE', 'CROSSSLOT', 'EXECABORT', 'NOPROTO', 'BUSYGROUP'),
  ...each('denied', 'NOAUTH', 'WRONGPASS', 'NOPERM', 'DENIED'),
  ...each('group-lost', 'NOGROUP'),
  ...each('fenced', 'FENCED'),
]);

function each(kind: FailureKind, ...codes: readonly string[]): [string, FailureKind][] {
  return codes.map((code) => [code, kind]);
}

/** After these the server is another one than it was: the connection is opened anew, which may lead elsewhere. */
export const codesThatEndConnections: ReadonlySet<string> = new Set(['READONLY', 'UNBLOCKED']);

/** The first word of an error reply. */
function replyCode(text: string): string {
  const end = text.search(/[^A-Z0-9_]/);
  return end === -1 ? text : text.slice(0, end);
}

/** What the end of a link, or of a command on it, means. `sent` = the command had been handed to the link. */
export function failureOf(error: unknown, address: string, sent: boolean): RedisFailure {
  const description = error instanceof LinkFailure ? error.description : undefined;
  if (description?.type === 'reply') return replyFailure(description.text);
  const code = description?.type === 'lost' ? description.code : undefined;
  if (description?.type === 'unsent' || !sent) return offline(`The connection to Redis at ${address} is down`, code);
  return unknownOutcome(`The connection to Redis at ${address} ended before the answer`, code);
}

/** The failure that an error reply means. */
export function replyFailure(text: string): RedisFailure {
  const code = replyCode(text);
  // the one transient error that has no code of its own
  const kind = text.startsWith('ERR max number of clients') ? 'refused' : kindOfCode.get(code);
  return new RedisFailure(kind ?? 'unknown', new RedisReplyError(code, safeText(code, text)));
}

// Texts that quote arguments would put payloads and names into errors; other texts of codes known here are constant.
function safeText(code: string, text: string): string {
  if (!kindOfCode.has(code)) return code === '' ? 'Redis answered with an error' : code;
  if (code === 'ERR' && /unknown|['"`]/.test(text)) return code;
  const firstSentence = text.split(/\. | script: |[\r\n]/, 1)[0] ?? code;
  return firstSentence.length > 200 ? `${firstSentence.slice(0, 200)}…` : firstSentence;
}

/** The first word of the error that the server answered with, if it did. */
export function replyCodeOf(failure: unknown): string | undefined {
  const cause = failure instanceof RedisFailure ? failure.cause : undefined;
  return cause instanceof RedisReplyError ? cause.code : undefined;
}

export function offline(message: string, code?: string): RedisFailure {
  return new RedisFailure('offline', connectionError(message, code));
}

export function unknownOutcome(message: string, code?: string): RedisFailure {
  return new RedisFailure('unknown', connectionError(message, code));
}

export function closedFailure(what: string): RedisFailure {
  return new RedisFailure('closed', new RedisConnectionError(`The ${what} was closed`));
}

/** What is done only under a lease was asked for without one. */
export function notOwner(): RedisFailure {
  return new RedisFailure('fenced', new RedisReplyError('FENCED', 'This handle has not become the owner'));
}

/** What only an operator can change, found out before anything was sent. */
export function refusedCredentials(message: string): RedisFailure {
  return new RedisFailure('denied', connectionError(message, undefined));
}

/** Sentinels answer, and none of them watches a master of this name. */
export function unknownMaster(name: string, sentinels: readonly string[]): RedisFailure {
  const message = `the sentinels ${sentinels.join(', ')} know no master named '${name}'; see name`;
  return new RedisFailure('invalid', connectionError(message, 'UNKNOWN_MASTER'));
}

/** Where a reply says that a key is kept: there from now on (`MOVED`), or there for this one time (`ASK`). */
export interface Redirection {
  readonly code: 'MOVED' | 'ASK';
  readonly slot: number;
  readonly host: string;
  readonly port: string;
}

export function redirectionOf(failure: unknown): Redirection | undefined {
  if (!(failure instanceof RedisFailure)) return undefined;
  const [, code, slot, host = '', port = ''] = /^(MOVED|ASK) (\d+) (.*):(\d+)/.exec(failure.message) ?? [];
  if (code !== 'MOVED' && code !== 'ASK') return undefined;
  return { code, slot: Number(slot), host, port };
}

/** A reply that has none of the known shapes. `where` names the command, never the reply. */
export function invalidReply(where: string): RedisFailure {
  return new RedisFailure('invalid', new RedisReplyError('', `The reply to ${where} has an unknown shape`));
}

function connectionError(message: string, code: string | undefined): RedisConnectionError {
  return new RedisConnectionError(code === undefined ? message : `${message} (${code})`, code);
}
