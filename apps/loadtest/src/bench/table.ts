import { metricNames } from './metrics.js';
import type { ReportLine } from './report.js';
import type { Target } from './targets.js';

const columns = ['case', 'metric', 'base', 'library', 'compared [least – most]', 'must', 'aim', 'verdict'] as const;

/** The report as a Markdown table with aligned columns. */
export function table(lines: readonly ReportLine[]): string {
  const rows = lines.map((line, index) => cells(line, lines[index - 1]?.case === line.case));
  const widths = columns.map((column, index) => Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const rule = widths.map((width) => '-'.repeat(width));
  const isText = (index: number) => index < 2 || index === columns.length - 1;
  const write = (row: readonly string[]) =>
    `| ${row.map((cell, index) => (isText(index) ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0))).join(' | ')} |`;
  return [columns, rule, ...rows].map(write).join('\n');
}

function cells(line: ReportLine, isContinued: boolean): string[] {
  const { compared, comparison, target } = line;
  const sign = comparison === 'ratio' ? '×' : '';
  const figure = (value: number) => `${comparison === 'difference' && value > 0 ? '+' : ''}${short(value)}${sign}`;
  return [
    isContinued ? '' : line.case,
    metricNames[line.metric],
    line.base === undefined ? '' : short(line.base),
    short(line.library),
    `${figure(compared.median)} [${short(compared.min)} – ${short(compared.max)}]`,
    bound(target, target?.must),
    bound(target, target?.aim),
    line.verdict,
  ];
}

function bound(target: Target | undefined, value: number | undefined): string {
  if (target === undefined || value === undefined) return '';
  return `${target.direction === 'at least' ? '≥' : '≤'} ${value}`;
}

/** Three digits that matter. */
export function short(value: number): string {
  if (Number.isNaN(value)) return '–';
  const size = Math.abs(value);
  if (size >= 10_000) return `${(value / 1_000).toFixed(size >= 100_000 ? 0 : 1)}k`;
  if (size >= 100 || Number.isInteger(value)) return value.toFixed(0);
  return value.toFixed(size >= 10 ? 1 : 2);
}
