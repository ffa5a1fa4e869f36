import { execFile } from 'node:child_process';

/** How a program ended. */
export interface ProgramResult {
  readonly succeeded: boolean;
  readonly output: string;
  /** Why it failed: its standard error, or that it could not be started or took too long. Empty after success. */
  readonly failure: string;
}

/** Runs a program to its end. Never rejects: a program that is missing, fails or exceeds `timeoutMs` is a result. */
export function runProgram(
  program: string,
  words: readonly string[],
  options: { readonly timeoutMs: number; readonly directory?: string },
): Promise<ProgramResult> {
  return new Promise((resolve) => {
    execFile(
      program,
      words,
      {
        timeout: options.timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: 16 * 1024 * 1024,
        ...(options.directory === undefined ? {} : { cwd: options.directory }),
      },
      (error, output, errors) => {
        const killed = error?.killed === true ? `${program} took longer than ${options.timeoutMs} ms` : '';
        const failure = error === null ? '' : killed || errors.trim() || error.message;
        resolve({ succeeded: error === null, output, failure });
      },
    );
  });
}
