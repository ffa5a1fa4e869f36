/** What is known of an error, fit to be stored. */
export interface ErrorDescription {
  readonly name: string;
  readonly message: string;
  readonly stack?: string;
}

/** What a group remembers of a failed entry, so that a successor of this consumer goes on where it stopped. */
export interface RetryRecord {
  /** How many attempts have failed. */
  readonly attempt: number;
  /** Unix ms. */
  readonly dueAtMs: number;
  readonly firstFailureAtMs: number;
  readonly lastFailureAtMs: number;
  readonly error: ErrorDescription;
}

const maxMessageLength = 4_096;
const maxStackLength = 8_192;

/** Describes whatever a handler threw. */
export function describeError(error: unknown): ErrorDescription {
  try {
    if (!(error instanceof Error)) return { name: typeof error, message: String(error).slice(0, maxMessageLength) };
    const { name, message, stack } = error;
    const described = { name: String(name), message: String(message).slice(0, maxMessageLength) };
    return typeof stack === 'string' ? { ...described, stack: stack.slice(0, maxStackLength) } : described;
  } catch {
    // thrown things may have no text, or throw again when asked for it
    return { name: 'unknown', message: 'What was thrown cannot be described' };
  }
}

/** Reads a record back; `undefined` for none, and for one that something else wrote. */
export function parseRetryRecord(json: string | null): RetryRecord | undefined {
  if (json === null) return undefined;
  let record: Partial<RetryRecord> | null;
  try {
    record = JSON.parse(json);
  } catch {
    return undefined;
  }
  const numbers = [record?.attempt, record?.dueAtMs, record?.firstFailureAtMs, record?.lastFailureAtMs];
  if (!numbers.every((value) => Number.isSafeInteger(value))) return undefined;
  if (typeof record?.error?.name !== 'string' || typeof record.error.message !== 'string') return undefined;
  return record as RetryRecord;
}
