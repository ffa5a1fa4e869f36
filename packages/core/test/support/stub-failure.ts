import type { Failure, FailureKind } from '../../src/index.js';

/** What a verb of the stub rejects with, so that `classify` knows its kind. */
export class StubFailure extends Error {
  constructor(
    readonly kind: FailureKind,
    message = `a stubbed failure: ${kind}`,
  ) {
    super(message);
  }
}

export function failure(kind: FailureKind): Failure {
  return { kind, cause: new StubFailure(kind) };
}
