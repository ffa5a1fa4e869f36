import { EventEmitter } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { noCounters } from '../src/demo/counters.js';
import { progressBar, sparkline } from '../src/demo/format.js';
import { frame } from '../src/demo/frame.js';
import { LiveView } from '../src/demo/live-view.js';
import { paint } from '../src/demo/paint.js';
import { plainLine } from '../src/demo/plain-view.js';
import { roles } from '../src/demo/roster.js';
import type { Snapshot } from '../src/demo/snapshot.js';
import { openView } from '../src/demo/view.js';

const counters = { ...noCounters(), published: 700, handled: 650, placed: 120, closed: 100, retries: 9 };

const snapshot: Snapshot = {
  elapsedMs: 7_400,
  planned: 200,
  services: roles.map((role) => ({
    role,
    state: role === 'payment-service' ? 'killed' : 'running',
    counters,
    publishedRate: 99.6,
    handledRate: 201.2,
    history: [0, 50, 100, 200, 201],
    lag: role === 'order-service' ? null : 3,
    pending: 4,
  })),
  totals: counters,
};

const context = {
  title: 'on memory',
  phase: 'orders come in',
  notes: Array.from({ length: 40 }, (_, index) => ({ elapsedMs: index * 1_000, text: `note ${index}` })),
};

describe('the live view', () => {
  test.each([20, 40, 79, 80, 81, 100, 200])('never writes beyond %i columns or 24 rows', (columns) => {
    const lines = frame(snapshot, { ...context, columns, rows: 24 });
    expect(lines.length).toBeLessThanOrEqual(24);
    for (const line of lines) {
      expect(stripVTControlCharacters(paint(line, columns)).length).toBeLessThanOrEqual(columns);
    }
  });

  test('shows the newest notes that fit', () => {
    const text = frame(snapshot, { ...context, columns: 80, rows: 16 })
      .flat(2)
      .join('');
    expect(text).toContain('note 39');
    expect(text).not.toContain('note 1 ');
  });

  test('shows what is unknown, what is dead and what is killed', () => {
    const text = frame(snapshot, { ...context, columns: 120, rows: 24 }).map((line) => paint(line, 120));
    expect(text.map(stripVTControlCharacters)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^order +100 +201 +\? +4 +9 +0 {2}kept +▁▃/),
        expect.stringMatching(/^payment +100 +201 +3 +4 +9 +0 {2}killed/),
      ]),
    );
  });

  test('draws over itself on the second screen, again after a resize, and gives the cursor back', () => {
    const written: string[] = [];
    const terminal = Object.assign(new EventEmitter(), {
      isTTY: true,
      columns: 90,
      rows: 24,
      write: (text: string) => written.push(text),
    });
    const view = new LiveView(terminal as unknown as ConstructorParameters<typeof LiveView>[0], 'on memory');
    view.update(snapshot);
    terminal.columns = 40;
    terminal.emit('resize');
    const [opening, wide, narrow] = written.splice(0);
    expect(opening).toBe('\u001b[?1049h\u001b[?25l');
    for (const picture of [wide, narrow]) expect(picture?.startsWith('\u001b[?2026h\u001b[H')).toBe(true);
    const widest = (picture = '') =>
      Math.max(
        ...stripVTControlCharacters(picture)
          .split('\r\n')
          .map((l) => l.length),
      );
    expect(widest(wide)).toBeGreaterThan(40);
    expect(widest(narrow)).toBe(40);
    terminal.columns = 0;
    terminal.rows = 0;
    terminal.emit('resize');
    expect(widest(written.pop())).toBeGreaterThan(40);
    view.close();
    view.close();
    expect(written[0]).toBe('\u001b[?25h\u001b[?1049l');
    expect(written.length).toBe(2);
    expect(terminal.listenerCount('resize')).toBe(0);
  });
});

describe('plain lines', () => {
  test('say everything in one line', () => {
    expect(plainLine(snapshot)).toBe(
      '120/200 orders placed, 100 closed | 299 published/s, 604 handled/s | lag ?, pending 12 | retries 9, dead letters 0, out of order 0',
    );
  });

  test('are the view of whatever is no terminal', () => {
    const written: string[] = [];
    const view = openView({ write: (text) => written.push(text) }, 'on memory', false);
    view.enter('orders come in');
    view.update(snapshot);
    view.update({ ...snapshot, elapsedMs: 7_600 });
    view.close();
    expect(written.length).toBe(4);
    for (const line of written) expect(line).toMatch(/^[ -~·]+\n$/);
  });
});

test('bars and sparklines', () => {
  expect(sparkline([0, 1, 2, 4, 8], 3)).toBe('▃▅█');
  expect(sparkline([], 3)).toBe('');
  expect(progressBar(0.5, 4)).toBe('██░░');
  expect(progressBar(7, 4)).toBe('████');
});
