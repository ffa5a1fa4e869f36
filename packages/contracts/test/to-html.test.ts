import { describe, expect, test } from '@jest/globals';
import { describeContracts, toHtml } from '../src/index.js';
import { registry } from './support/registry.js';

const page = toHtml(describeContracts(registry), { title: 'Shop & <friends>', description: 'All "events"' });
/** The row of a field, as text. */
const rowOf = (path: string, from = 0) => {
  const start = page.indexOf(`<td><code>${path}</code>`, from);
  return page
    .slice(start, page.indexOf('</tr>', start))
    .replace(/<br>/g, ' ')
    .replace(/<[^>]+>/g, '|')
    .replace(/\|+/g, '|');
};

describe('the page of a registry', () => {
  test('names every type, and leads to it', () => {
    for (const type of Object.keys(registry)) {
      expect(page).toContain(`<code>${type}</code></a>`);
      const id = encodeURIComponent(`event-${type}`);
      expect(page).toContain(`href="#${id}"`);
      expect(page).toContain(`<section id="${id}">`);
    }
    expect(page).toContain('8 event types');
  });

  test('shows the fields with type, rules and meaning', () => {
    const placed = page.indexOf('<section id="event-order.placed">');
    expect(rowOf('orderId', placed)).toMatch(/^\|orderId\|string\|yes\|As the shop counts them \|characters ≥ 1\|/);
    expect(rowOf('cents', placed)).toContain('|integer|yes|≥ 0|');
    expect(rowOf('currency', placed)).toMatch(/&quot;EUR&quot; \| &quot;USD&quot;\|default &quot;EUR&quot;/);
    expect(rowOf('lines[].quantity', placed)).toContain('|integer|yes|≥ 1|');
    expect(rowOf('address', placed)).toContain('object | null');
    expect(rowOf('address.zip', placed)).toContain('|string|matches ^\\d{5}$|');
  });

  test('shows earlier versions, schemas that contain themselves, and says where nothing is known', () => {
    expect(page).toContain('<summary>Version 1</summary>');
    expect(page).toContain('<span class="badge">version 2</span>');
    expect(rowOf('children[]', page.indexOf('event-tree.grown">'))).toMatch(/object|as above/);
    expect(page).toContain('does not say what it looks like');
  });

  test('tells alternatives apart', () => {
    const section = page.slice(page.indexOf('<section id="event-payment.made">'));
    const words = [...section.matchAll(/>(either|or)<\/th>|<td><code>(kind|last4|cents)<\/code>/g)].map(
      ([, word, path]) => word ?? path,
    );
    expect(words.slice(0, 6)).toEqual(['either', 'kind', 'last4', 'or', 'kind', 'cents']);
  });

  test('takes no text for markup, and loads nothing', () => {
    expect(page).toContain('Shop &amp; &lt;friends&gt;');
    expect(page).toContain('A customer has ordered &lt;b&gt;something&lt;/b&gt;');
    expect(page).not.toMatch(/<b>|<script|src=|@import|url\(/);
    const opened = [...page.matchAll(/<(section|table|tr|td|details|ul|li|main)[ >]/g)].length;
    const closed = [...page.matchAll(/<\/(section|table|tr|td|details|ul|li|main)>/g)].length;
    expect(opened).toBe(closed);
  });

  test('needs a title', () => {
    expect(() => toHtml(describeContracts(registry), { title: '' })).toThrow('title');
    expect(() => toHtml(describeContracts(registry), { title: 'x', colour: 'red' } as never)).toThrow('"colour"');
  });
});
