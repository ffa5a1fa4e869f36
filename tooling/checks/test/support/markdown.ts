/** A fenced block of a page. */
export interface FencedBlock {
  /** What stands behind the fence: `ts`, `sh`, `json`, … */
  readonly language: string;
  /** What an HTML comment right above the block says of it: `runs: redis`. */
  readonly directive: string | undefined;
  readonly code: string;
  /** The line of the opening fence, from 1. */
  readonly line: number;
}

/** The fenced blocks of a Markdown page, in order. */
export function fencedBlocks(page: string): FencedBlock[] {
  const blocks: FencedBlock[] = [];
  const lines = page.split('\n');
  for (let index = 0; index < lines.length; index += 1) {
    const [, fence, language] = /^(`{3,})(\w*)$/.exec(lines[index] ?? '') ?? [];
    if (fence === undefined) continue;
    const end = lines.indexOf(fence, index + 1);
    if (end === -1) throw new Error(`The fence in line ${index + 1} is never closed`);
    const code = lines.slice(index + 1, end).join('\n');
    blocks.push({ language: language ?? '', directive: directiveAbove(lines, index), code, line: index + 1 });
    index = end;
  }
  return blocks;
}

function directiveAbove(lines: readonly string[], fence: number): string | undefined {
  const above = lines[fence - 1] === '' ? lines[fence - 2] : lines[fence - 1];
  return /^<!-- (.+) -->$/.exec(above ?? '')?.[1];
}

/** The headings of a page, in order. */
export function headings(page: string): { readonly text: string; readonly level: number; readonly index: number }[] {
  const found: { text: string; level: number; index: number }[] = [];
  let isCode = false;
  for (const [index, line] of page.split('\n').entries()) {
    if (line.startsWith('```')) isCode = !isCode;
    const [, marks = '', text = ''] = (isCode ? null : /^(#+) (.*)$/.exec(line)) ?? [];
    if (marks !== '') found.push({ text: text.replaceAll('`', ''), level: marks.length, index });
  }
  return found;
}

/** The part of a page under a heading, up to the next heading of its level or a higher one. */
export function section(page: string, heading: string): string {
  const all = headings(page);
  const start = all.find(({ text }) => text === heading);
  if (start === undefined) throw new Error(`There is no heading '${heading}'`);
  const end = all.find(({ index, level }) => index > start.index && level <= start.level);
  return page
    .split('\n')
    .slice(start.index + 1, end?.index)
    .join('\n')
    .trim();
}

/** The rows of every table in a text, headings and rulers left out; cells as they are written. */
export function tableRows(text: string): string[][] {
  const rows: string[][] = [];
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    const isRow = line.startsWith('|') && !isRuler(line) && !isRuler(lines[index + 1]);
    if (isRow) rows.push(cellsOf(line));
  }
  return rows;
}

function isRuler(line: string | undefined): boolean {
  return line !== undefined && /^\|[\s:|-]+\|$/.test(line);
}

function cellsOf(line: string): string[] {
  const cells = line.slice(1, line.lastIndexOf('|')).split(/(?<!\\)\|/);
  return cells.map((cell) => cell.trim().replaceAll('\\|', '|'));
}
