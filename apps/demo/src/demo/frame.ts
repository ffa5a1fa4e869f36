import { formatClock, formatCount, progressBar, sparkline } from './format.js';
import type { Line, Piece } from './paint.js';
import type { ServiceSnapshot, Snapshot } from './snapshot.js';

/** Something that happened, and when. */
export interface TimedNote {
  readonly elapsedMs: number;
  readonly text: string;
}

/** What the live view shows besides the numbers. */
export interface FrameContext {
  readonly title: string;
  readonly phase: string;
  readonly notes: readonly TimedNote[];
  readonly columns: number;
  readonly rows: number;
}

const widestSparkline = 40;
/** Up to where the table goes without sparklines. */
const tableWidth = 80;

/** The picture of one moment, line by line; as many of the newest notes as fit stand below. */
export function frame(snapshot: Snapshot, { title, phase, notes, columns, rows }: FrameContext): Line[] {
  const head: Line[] = [
    [
      ['@events demo ', 'bold'],
      [title, 'dim'],
    ],
    [],
    progressLine(snapshot, phase, columns),
    ordersLine(snapshot),
    [],
    headerLine(columns),
    ...snapshot.services.map((service) => serviceLine(service, columns)),
    [],
  ];
  const foot: Line[] = [[], [['Ctrl-C stops the shop and audits what was done.', 'dim']]];
  const room = Math.max(0, rows - head.length - foot.length);
  return [...head, ...(room === 0 ? [] : notes.slice(-room)).map(noteLine), ...foot].slice(0, rows);
}

function progressLine({ elapsedMs, planned, totals }: Snapshot, phase: string, columns: number): Line {
  const share = totals.placed / planned;
  const width = Math.min(48, Math.max(10, columns - 32));
  const percent = `${Math.floor(share * 100)} %`.padStart(6);
  return [formatClock(elapsedMs), ' ', [progressBar(share, width), 'cyan'], percent, '  ', [phase, 'dim']];
}

function ordersLine({ planned, totals: { placed, closed } }: Snapshot): Line {
  const counts = `${formatCount(placed)} of ${formatCount(planned)} orders placed, ${formatCount(closed)} closed`;
  return [counts, `, ${formatCount(placed - closed)} on their way`];
}

function headerLine(columns: number): Line {
  const titles = `${'SERVICE'.padEnd(9)} published/s handled/s    lag pending retries dead letters  `;
  return [[`${titles}${'order'.padEnd(10)}${sparklineWidth(columns) > 0 ? ' handled' : ''}`, 'dim']];
}

function serviceLine({ role, state, counters, ...now }: ServiceSnapshot, columns: number): Line {
  const { retries, deadLettered, outOfOrder } = counters;
  const name: Piece = [role.replace('-service', '').padEnd(9), 'bold'];
  const width = sparklineWidth(columns);
  const lag = now.lag === null ? '?' : formatCount(now.lag);
  const rates = `${formatCount(now.publishedRate).padStart(12)}${formatCount(now.handledRate).padStart(10)}`;
  const backlog = `${lag.padStart(7)}${formatCount(now.pending).padStart(8)}${formatCount(retries).padStart(8)}`;
  const dead = formatCount(deadLettered).padStart(13);
  return [
    name,
    rates,
    backlog,
    deadLettered === 0 ? dead : [dead, 'yellow'],
    '  ',
    state === 'killed' || state === 'restarting' ? [state.padEnd(10), 'red'] : orderPiece(outOfOrder),
    ...(width === 0 ? [] : [' ', [sparkline(now.history, width), 'cyan'] as const]),
  ];
}

function orderPiece(outOfOrder: number): Piece {
  return outOfOrder === 0 ? ['kept'.padEnd(10), 'green'] : [`${formatCount(outOfOrder)} broken`.padEnd(10), 'red'];
}

function noteLine({ elapsedMs, text }: TimedNote): Line {
  return [[`${formatClock(elapsedMs)} `, 'dim'], text.replace(/\s+/g, ' ')];
}

function sparklineWidth(columns: number): number {
  const room = columns - tableWidth - 2;
  return room < 8 ? 0 : Math.min(room, widestSparkline);
}
