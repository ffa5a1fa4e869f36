import { checkKeys, OptionsError } from '@events/core';
import { type ContractsDocument, checkContractsDocument, type EventDescription } from './describe-contracts.js';
import type { JsonSchema } from './json-schema.js';
import { type SchemaRow, schemaRows } from './schema-rows.js';

export interface HtmlOptions {
  readonly title: string;
  readonly description?: string | undefined;
}

/**
 * A web page of contracts: each type with its fields, rules and versions. One file that loads nothing, in light and dark.
 *
 * @throws OptionsError without a title
 */
export function toHtml(document: ContractsDocument, options: HtmlOptions): string {
  const { events } = checkContractsDocument(document);
  checkKeys('toHtml', options, ['title', 'description']);
  const { title, description } = options;
  if (typeof title !== 'string' || title === '') throw new OptionsError('toHtml needs a title');
  const types = Object.keys(events).sort();
  const contents = types.map((type) => `<li><a href="#${anchor(type)}"><code>${escaped(type)}</code></a></li>`);
  const sections = types.map((type) => section(type, events[type] as EventDescription));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>
${style}
</style>
</head>
<body>
<header>
<h1>${escaped(title)}</h1>
${description === undefined ? '' : `<p>${escaped(description)}</p>\n`}<p class="count">${types.length} event ${types.length === 1 ? 'type' : 'types'}</p>
</header>
<nav aria-label="Event types"><ul>
${contents.join('\n')}
</ul></nav>
<main>
${sections.join('\n')}
</main>
</body>
</html>
`;
}

const style = `:root { color-scheme: light dark; --line: light-dark(#d8dee4, #3a414a); --soft: light-dark(#57606a, #9aa4af); --ground: light-dark(#f6f8fa, #1c2128); }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 2rem 1rem 6rem; }
h1 { margin-bottom: 0; }
h2 { border-top: 1px solid var(--line); margin-top: 3rem; padding-top: 1.5rem; overflow-wrap: anywhere; }
code { font: 0.9em ui-monospace, monospace; overflow-wrap: anywhere; }
nav ul { columns: 18rem; list-style: none; padding: 0; }
.count, .rules, .none { color: var(--soft); }
.badge { background: var(--ground); border: 1px solid var(--line); border-radius: 1rem; font-size: 0.75rem; font-weight: 400; padding: 0.1rem 0.6rem; vertical-align: middle; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; min-width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: 0.4rem 1rem 0.4rem 0; text-align: left; vertical-align: top; }
th { font-size: 0.85rem; }
.alternative th { color: var(--soft); font-weight: 400; }
summary { cursor: pointer; margin-top: 1rem; }
pre { background: var(--ground); border-radius: 0.4rem; overflow-x: auto; padding: 1rem; }`;

function section(type: string, { versions }: EventDescription): string {
  const current = versions.at(-1)?.published ?? null;
  const badge = versions.length > 1 ? ` <span class="badge">version ${versions.length}</span>` : '';
  const earlier = versions
    .slice(0, -1)
    .map(({ published }, index) => `<details><summary>Version ${index + 1}</summary>\n${fields(published)}\n</details>`)
    .reverse();
  const source =
    current === null
      ? ''
      : `<details><summary>JSON Schema</summary>\n<pre><code>${escaped(JSON.stringify(current, null, 2))}</code></pre>\n</details>`;
  return `<section id="${anchor(type)}">
<h2><code>${escaped(type)}</code>${badge}</h2>
${fields(current)}
${[...earlier, source].filter((each) => each !== '').join('\n')}
</section>`;
}

function fields(schema: JsonSchema | null): string {
  if (schema === null) return '<p class="none">The schema of this type does not say what it looks like.</p>';
  const [whole, ...rows] = schemaRows(schema);
  const about = whole?.description ? `<p>${escaped(whole.description)}</p>\n` : '';
  const rules =
    whole === undefined || whole.rules.length === 0
      ? ''
      : ` <span class="rules">(${escaped(whole.rules.join(', '))})</span>`;
  if (rows.length === 0) return `${about}<p>Data: <code>${escaped(whole?.type ?? 'anything')}</code>${rules}</p>`;
  return `${about}<div class="scroll"><table>
<thead><tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col">Required</th><th scope="col">Meaning</th></tr></thead>
<tbody>
${rows.map(row).join('\n')}
</tbody>
</table></div>${rules === '' ? '' : `\n<p>${rules}</p>`}`;
}

function row({ path, type, isRequired, rules, description, alternative }: SchemaRow): string {
  const said = rules.length === 0 ? '' : `<span class="rules">${escaped(rules.join(', '))}</span>`;
  const meaning = [escaped(description), said].filter((each) => each !== '').join('<br>');
  const head =
    alternative === undefined
      ? ''
      : `<tr class="alternative"><th scope="rowgroup" colspan="4">${alternative === 1 ? 'either' : 'or'}</th></tr>\n`;
  return `${head}<tr><td><code>${escaped(path)}</code></td><td><code>${escaped(type)}</code></td><td>${isRequired ? 'yes' : ''}</td><td>${meaning}</td></tr>`;
}

function anchor(type: string): string {
  return encodeURIComponent(`event-${type}`);
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character);
}
