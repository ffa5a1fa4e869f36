import { type EventsErrorOptions, PartitionsError } from './errors.js';

/** What to say where the recorded number of partitions is another one than was given. */
export function differingCount(
  stream: string,
  given: number,
  recorded: number,
  options?: EventsErrorOptions,
): PartitionsError {
  return new PartitionsError(
    `'${stream}' has ${recorded} partitions, and partitions: ${given} was given. Give ${recorded} everywhere; or, to change the number, stop the publishers, wait until every group has handled everything, call changePartitions, and start everything with the new number`,
    options,
  );
}
