/** The words of a command line, as a POSIX shell splits it: plain, or in single quotes. */
function shellWords(line: string): string[] {
  const words: string[] = [];
  const word = /\s*((?:'[^']*'|[^\s'])+)/y;
  for (let match = word.exec(line); match !== null; match = word.exec(line)) {
    words.push((match[1] ?? '').replaceAll("'", ''));
  }
  return words;
}

/** The commands of the `redis-cli` lines in a text, without options of the program itself. */
export function redisCommands(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('redis-cli '));
  return lines.map((line) => {
    const words = shellWords(line).slice(1);
    return words.slice(words.findIndex((each) => !each.startsWith('-')));
  });
}

/** A reply as `redis-cli --raw` prints it. */
export function rawLines(reply: unknown): string[] {
  if (Array.isArray(reply)) return reply.flatMap(rawLines);
  return [reply === null ? '' : String(reply)];
}
