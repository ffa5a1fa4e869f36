import type { StopReport } from '@events/core';
import type { Audit, GroupAudit } from './audit.js';
import { formatCount } from './format.js';

const examples = 5;

/** What became of the services when they stopped. */
export function stopReportLines(reports: ReadonlyMap<string, StopReport | Error>): string[] {
  return Array.from(reports, ([role, report]) => {
    if (report instanceof Error) return `  ${role.padEnd(18)}did not stop: ${report.message}`;
    const { finished, released, abandoned } = report;
    return `  ${role.padEnd(18)}stopped: ${finished} handlers finished, ${released} events handed back, ${abandoned} abandoned`;
  });
}

/** The audit as text, a line each. */
export function auditLines(result: Audit, complete: boolean): string[] {
  const { groups, orders, deadLetters, confirmed, missing } = result;
  const unfinished = result.unfinished.length;
  return [
    'AUDIT: every event in the streams against what the handlers wrote down',
    '',
    ...tableLines(groups),
    '',
    `  ${formatCount(confirmed)} events were confirmed to publishers; ${missing.length === 0 ? 'all of them are stored' : `${formatCount(missing.length)} of them are missing`}.`,
    `  ${formatCount(orders.placed)} orders: ${formatCount(orders.closed)} closed, ${orders.deadLettered} in the dead letters, ${formatCount(unfinished)} unfinished.`,
    ...deadLetters
      .slice(0, examples)
      .map(
        ({ type, key, group, attempts, reason, error }) =>
          `  Dead letter: ${type} of ${key}, ${reason} in ${group} after ${attempts} attempts: ${error}`,
      ),
    ...copyLines(groups),
    '',
    ...faultLines(result, complete),
    verdict(result, complete),
  ];
}

const columns: readonly [title: string, value: (group: GroupAudit) => number][] = [
  ['published', ({ published }) => published],
  ['handled', ({ handled }) => handled],
  ['dead', ({ deadLettered }) => deadLettered],
  ['open', ({ open }) => open],
  ['lost', ({ lost, unknown }) => lost.length + unknown.length],
  ['twice', ({ twice }) => twice.length],
  ['disorder', ({ outOfOrder }) => outOfOrder.length],
  ['again', ({ again }) => again],
  ['late', ({ late }) => late],
];

function tableLines(groups: readonly GroupAudit[]): string[] {
  const rows = [
    ['GROUP', 'STREAM', ...columns.map(([title]) => title)],
    ...groups.map((group) => [group.group, group.stream, ...columns.map(([, value]) => formatCount(value(group)))]),
  ];
  const widthOf = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const pad = (cell: string, column: number) =>
    column < 2 ? cell.padEnd(widthOf(column)) : cell.padStart(widthOf(column));
  return rows.map((row) => `  ${row.map(pad).join('  ')}`);
}

function copyLines(groups: readonly GroupAudit[]): string[] {
  const byStream = new Map(groups.map(({ stream, copies }) => [stream, copies]));
  const copies = [...byStream.values()].reduce((sum, count) => sum + count, 0);
  if (copies === 0) return [];
  return [
    `  ${formatCount(copies)} copies, published again by handlers that ran again, were recognised by their event ids.`,
  ];
}

function faultLines({ groups, missing, unfinished }: Audit, complete: boolean): string[] {
  const faults = groups.flatMap(({ group, stream, lost, twice, outOfOrder, unknown, open }) => [
    ...lost.map(({ type, key }) => `lost: ${type} of ${key}, ${group} never handled it`),
    ...twice.map(({ id }) => `twice: event ${id} in ${group}`),
    ...outOfOrder.map(({ id, key, sequence }) => `disorder: event ${id} (number ${sequence} of ${key}) in ${group}`),
    ...unknown.map(({ id }) => `unknown: ${group} handled event ${id}, which is not in ${stream}`),
    ...(complete && open > 0 ? [`open: ${open} events of ${stream} are still unhandled in ${group}`] : []),
  ]);
  faults.push(...missing.map(({ id, stream }) => `missing: event ${id} was confirmed, but is not in ${stream}`));
  if (complete) faults.push(...unfinished.map((orderId) => `unfinished: ${orderId}`));
  const lines = faults.slice(0, 2 * examples).map((fault) => `  ! ${fault}`);
  if (faults.length > lines.length) lines.push(`  ! and ${formatCount(faults.length - lines.length)} more`);
  return lines;
}

function verdict({ holds, groups }: Audit, complete: boolean): string {
  if (!holds) return 'THE AUDIT DOES NOT HOLD.';
  const sum = (value: (group: GroupAudit) => number) => groups.reduce((total, group) => total + value(group), 0);
  const [published, handled, dead] = [
    sum((group) => group.published),
    sum((group) => group.handled),
    sum((group) => group.deadLettered),
  ].map(formatCount);
  const open = complete ? '' : ` + ${formatCount(sum((group) => group.open))} open`;
  const [again, late] = [sum((group) => group.again), sum((group) => group.late)];
  const twice =
    again === 0 ? 'nothing handled twice' : `${formatCount(again)} handled again after a crash, and marked so`;
  const order = late === 0 ? 'order kept' : `order kept but for ${formatCount(late)} taken over late, and marked so`;
  return `The audit holds: ${published} published = ${handled} handled + ${dead} dead-lettered${open}. Nothing lost, ${twice}, ${order}.`;
}
