const counts = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });

/** `1,234` */
export function formatCount(count: number): string {
  return counts.format(count);
}

/** `00:07` */
export function formatClock(elapsedMs: number): string {
  const seconds = Math.floor(elapsedMs / 1_000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}

const bars = '▁▂▃▄▅▆▇█';

/** The last `width` values as bars, the largest as high as a bar can be. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const most = Math.max(1, ...shown);
  return shown.map((value) => bars[Math.round((value / most) * (bars.length - 1))]).join('');
}

/** A bar of `width` characters that is filled to `share`. */
export function progressBar(share: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}
