import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Account } from './audit/account.js';
import type { PartVerdict } from './verdict.js';

/** What a report says beside the verdict. */
export interface ReportHead {
  readonly scenario: string;
  readonly client: string;
  readonly command: string;
  readonly seed: number;
  readonly date: string;
  readonly commit: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: string;
  readonly seconds: number;
  /** Whether the parts are shown side by side. */
  readonly compares: boolean;
}

/** Writes `<scenario>-<client>.json` and `.md`. Resolves with the path of the latter. */
export async function writeReport(directory: string, head: ReportHead, parts: readonly PartVerdict[]): Promise<string> {
  await mkdir(directory, { recursive: true });
  const content = {
    ...head,
    parts: Object.fromEntries(parts.map((part) => [part.title || head.scenario, inNumbers(part)])),
  };
  const path = join(directory, `${head.scenario}-${head.client}`);
  await writeFile(`${path}.json`, `${JSON.stringify(content, null, 2)}\n`);
  await writeFile(`${path}.md`, markdown(head, parts));
  return `${path}.md`;
}

function inNumbers({ promises, account, figures }: PartVerdict): object {
  return {
    holds: promises.every(({ holds }) => holds),
    promises: Object.fromEntries(promises.map(({ what, holds, found }) => [what, { holds, found }])),
    ...(account === undefined ? {} : { account: numbersOf(account) }),
    figures,
  };
}

function markdown(head: ReportHead, parts: readonly PartVerdict[]): string {
  const { scenario, client, command, seed, date, commit, versions, machine, seconds } = head;
  const facts = {
    Command: `\`${command}\``,
    Seed: seed,
    Date: date,
    Commit: commit,
    Versions: Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    Machine: machine,
    Duration: `${seconds} s`,
  };
  const sections = [
    `# Faults: ${scenario}, ${client}`,
    table(['Run', ''], Object.entries(facts)),
    ...(head.compares ? sideBySide(parts) : []),
    ...parts.flatMap(section),
  ];
  return `${sections.join('\n\n')}\n`;
}

function sideBySide(parts: readonly PartVerdict[]): string[] {
  const columns = parts.map(({ account, figures }) => ({ ...(account && numbersOf(account)), ...figures }));
  const names = [...new Set(columns.flatMap(Object.keys))];
  const rows = names.map((name) => [
    name,
    ...columns.map((column) => (column as Record<string, string | number>)[name] ?? ''),
  ]);
  return ['## Side by side', table(['', ...parts.map(({ title }) => title)], rows)];
}

function section({ title, promises, account, figures }: PartVerdict): string[] {
  const of = title === '' ? '' : `: ${title}`;
  const verdicts = promises.map(({ what, holds, found }) => [what, holds ? 'yes' : '**no**', found]);
  return [
    `## Promises${of}`,
    verdicts.length === 0 ? 'None: this is what is compared with.' : table(['Promise', 'Holds', 'Found'], verdicts),
    ...(account === undefined
      ? []
      : [`## Account${of}`, table(['Events', 'Number'], Object.entries(numbersOf(account)))]),
    `## Measured${of}`,
    table(['Figure', 'Value'], Object.entries(figures)),
  ];
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function numbersOf({ publishing, delivery, order, lost }: Account): Record<string, number> {
  return {
    attempted: publishing.attempted,
    stored: publishing.stored,
    'stored, and rejected for want of replicas': publishing.underReplicated,
    unknown: publishing.unknown,
    'unknown, and stored': publishing.unknownStored,
    'not stored': publishing.notStored,
    'not stored, refused for want of replicas': publishing.refusedForReplicas,
    'without outcome': publishing.unsettled.length,
    'still in the stream': delivery.inStream,
    'copies in the stream': publishing.copies,
    'copies whose sending was reported as unknown': publishing.copiesReportedUnknown,
    'copies beyond unanswered sendings': publishing.unexplainedCopies.length,
    'erased on purpose': publishing.erased,
    'confirmed, missing from the stream': publishing.missing.length,
    'confirmed, stored again elsewhere': publishing.elsewhere.length,
    'handlers called': delivery.started,
    'handlers failed on purpose': delivery.failed,
    handled: delivery.handled,
    'skipped, because handled before': delivery.skipped,
    'dead-lettered': delivery.deadLettered,
    'still pending': delivery.pending,
    lost: lost.length,
    'phantom (not stored, yet stored or handled)': new Set([...publishing.phantom, ...delivery.phantom]).size,
    unexpected: new Set([...publishing.unexpected, ...delivery.unexpected]).size,
    duplicates: delivery.duplicates,
    'in flight when a process was killed or held up': delivery.interrupted,
    'duplicates beyond those': delivery.unexplainedDuplicates.length,
    'stored out of order': publishing.misplaced.length,
    'reported as unknown, and stored late': publishing.late.length,
    'handled out of order': order.outOfOrder.length,
    'handled beside another of the key': order.besideEachOther.length,
  };
}
