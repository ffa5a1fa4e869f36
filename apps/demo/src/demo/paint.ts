import { styleText } from 'node:util';

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan';

/** A piece of a line, in one style. Every character takes one column. */
export type Piece = string | readonly [text: string, style: Style];

export type Line = readonly Piece[];

/** A line as the terminal takes it, cut off at `width` columns. */
export function paint(line: Line, width: number): string {
  let left = width;
  let painted = '';
  for (const piece of line) {
    if (left <= 0) break;
    const [text, style] = typeof piece === 'string' ? [piece, undefined] : piece;
    const visible = text.slice(0, left);
    left -= visible.length;
    // Asked for by whoever paints: what the stream is like is not this function's business.
    painted += style === undefined ? visible : styleText(style, visible);
  }
  return painted;
}
