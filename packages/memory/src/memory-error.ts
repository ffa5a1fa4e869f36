import type { Failure, FailureKind } from '@events/core';

/** What every verb of this transport rejects with. It knows its kind, so that `classify` has nothing to guess. */
export class MemoryError extends Error {
  override readonly name = 'MemoryError';
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** What an error means. Anything but our own is a surprise, and may have come after the fact. */
export function failureOf(error: unknown): Failure {
  if (error instanceof MemoryError) return { kind: error.kind, cause: error };
  return { kind: 'unknown', cause: error instanceof Error ? error : new Error(`A ${typeof error} was thrown`) };
}
