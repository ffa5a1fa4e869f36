import type { WriteStream } from 'node:tty';
import { LiveView } from './live-view.js';
import { PlainView } from './plain-view.js';
import type { Snapshot } from './snapshot.js';

/** Where a run is shown. */
export interface Output {
  write(text: string): unknown;
}

/** Shows a run while it goes on. */
export interface View {
  /** What the run does now, in a few words. */
  enter(phase: string): void;
  update(snapshot: Snapshot): void;
  note(text: string): void;
  /** Leaves the terminal as it was; what was shown last stays to be read. */
  close(): void;
}

/** The live view on a terminal that can show it, plain lines everywhere else. */
export function openView(output: Output, title: string, plain: boolean): View {
  return !plain && isTerminal(output) && wantsPictures(process.env)
    ? new LiveView(output, title)
    : new PlainView(output, title);
}

function isTerminal(output: Output): output is WriteStream {
  return (output as Partial<WriteStream>).isTTY === true;
}

function wantsPictures({ CI, NO_COLOR, TERM }: NodeJS.ProcessEnv): boolean {
  return !CI && !NO_COLOR && TERM !== 'dumb';
}
