import type { Evidence } from './audit.js';
import { ExplainedError, type Ground } from './ground.js';
import { journalPath, readJournal } from './journal.js';
import { readers, roles, streamNames } from './roster.js';
import { readStream } from './stored-streams.js';

/** Reads the streams and the journals of a run that has ended. */
export async function collectEvidence(ground: Ground, journals: string, complete: boolean): Promise<Evidence> {
  const inspector = ground.transport.inspector();
  try {
    const streams = await Promise.all(
      streamNames.map(async (name) => ({
        ...(await readStream(inspector, `${ground.streamPrefix}:${name}`)),
        readers: readers[name] ?? [],
      })),
    );
    const records = await Promise.all(roles.map((role) => readJournal(journalPath(journals, role))));
    return { streams, journals: new Map(roles.map((role, index) => [role, records[index] ?? []])), complete };
  } catch (error) {
    throw new ExplainedError(`The audit is not possible: ${(error as Error).message}`, { cause: error });
  } finally {
    await inspector.close();
  }
}
