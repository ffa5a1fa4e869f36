import { GroupNotFoundError } from './errors.js';
import { retryOperation } from './retry-operation.js';
import type { Transport } from './transport.js';

/** Throws `GroupNotFoundError` unless the stream and the group are there. Creates neither. */
export async function checkGroupExists(
  transport: Transport,
  stream: string,
  group: string,
  signal: AbortSignal,
): Promise<void> {
  const inspector = transport.inspector();
  try {
    const what = `Could not look for group '${group}' of '${stream}'`;
    const description = await retryOperation(transport, what, () => inspector.describe(stream), signal);
    if (description?.groups.some(({ name }) => name === group) === true) return;
    const where = description === undefined ? `there is no stream '${stream}'` : `'${stream}' has no such group`;
    throw new GroupNotFoundError(
      `Group '${group}' does not exist: ${where}, and autoCreateGroup is false. Create it (XGROUP CREATE), correct the name, or let autoCreateGroup be true`,
    );
  } finally {
    await inspector.close();
  }
}
