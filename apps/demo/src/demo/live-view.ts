import type { WriteStream } from 'node:tty';
import { frame, type TimedNote } from './frame.js';
import { paint } from './paint.js';
import type { Snapshot } from './snapshot.js';
import type { View } from './view.js';

const csi = '\u001b[';
const toPicture = `${csi}?1049h${csi}?25l`;
const toText = `${csi}?25h${csi}?1049l`;
/** Between these a terminal that knows them shows nothing half-drawn; the others ignore them. */
const beginUpdate = `${csi}?2026h`;
const endUpdate = `${csi}?2026l`;
const home = `${csi}H`;
const clearToLineEnd = `${csi}K`;
const clearBelow = `${csi}J`;

/** A terminal that does not know its size says 0. */
const usualColumns = 80;
const usualRows = 24;

const notesKept = 200;

/** A picture on the terminal's second screen, drawn over itself. What stood on the first screen is there again after it. */
export class LiveView implements View {
  readonly #output: WriteStream;
  readonly #title: string;
  readonly #notes: TimedNote[] = [];
  readonly #startedAtMs = performance.now();
  #phase = '';
  #snapshot: Snapshot | undefined;
  #isOpen = true;

  constructor(output: WriteStream, title: string) {
    this.#output = output;
    this.#title = title;
    output.write(toPicture);
    output.on('resize', this.#draw);
    // However the process ends, the cursor comes back.
    process.on('exit', this.#leave);
  }

  enter(phase: string): void {
    this.#phase = phase;
    this.#draw();
  }

  update(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#draw();
  }

  note(text: string): void {
    this.#notes.push({ elapsedMs: performance.now() - this.#startedAtMs, text });
    if (this.#notes.length > notesKept) this.#notes.shift();
    this.#draw();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#output.off('resize', this.#draw);
    process.off('exit', this.#leave);
    this.#leave();
    if (this.#snapshot === undefined) return;
    // All notes, and without the advice in the last two lines.
    const lines = this.#lines(this.#snapshot, Number.MAX_SAFE_INTEGER).slice(0, -2);
    this.#output.write(`${lines.join('\n')}\n`);
  }

  readonly #draw = (): void => {
    if (!this.#isOpen || this.#snapshot === undefined) return;
    const lines = this.#lines(this.#snapshot, this.#output.rows || usualRows);
    const picture = lines.map((line) => line + clearToLineEnd).join('\r\n');
    this.#output.write(`${beginUpdate}${home}${picture}${clearBelow}${endUpdate}`);
  };

  #lines(snapshot: Snapshot, rows: number): string[] {
    const columns = this.#output.columns || usualColumns;
    const context = { title: this.#title, phase: this.#phase, notes: this.#notes, columns, rows };
    return frame(snapshot, context).map((line) => paint(line, columns));
  }

  readonly #leave = (): void => {
    this.#isOpen = false;
    this.#output.write(toText);
  };
}
