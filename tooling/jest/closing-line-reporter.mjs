import { writeSync } from 'node:fs';

/** Ends a run with one plain line for whoever reads its output by program. */
export default class ClosingLineReporter {
  onRunComplete(_contexts, results) {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites } = results;
    // A file that could not run at all has no tests to count, and must not look like a file without any.
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    const line = `Total: ${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped\n`;
    // Jest's own summary comes after every reporter.
    process.once('exit', () => writeSync(1, `\n${line}`));
  }
}
