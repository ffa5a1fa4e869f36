import type { SchemaIssue } from '@events/core';

/** What valibot says beyond the standard's issue. */
interface ValibotIssue {
  readonly type: string;
  readonly message: string;
  readonly expected?: string | null;
  /** As it stands in the message: a type, or the value itself, quoted. */
  readonly received?: string;
  readonly path?: readonly { readonly key?: unknown }[] | undefined;
  /** Those of a union's options. */
  readonly issues?: readonly ValibotIssue[] | undefined;
}

const mostOptions = 5;

/** Issues that a reader can act upon: one for each unknown field, and for a union why each option was refused. */
export function readable(issues: readonly ValibotIssue[]): SchemaIssue[] {
  return issues.map((issue) => {
    const path = (issue.path ?? []).map(({ key }) => key as PropertyKey);
    return { path, message: messageOf(issue) };
  });
}

function messageOf(issue: ValibotIssue): string {
  const { type, expected, message, issues } = issue;
  if (type === 'strict_object' && expected === 'never') return 'unknown field';
  if (issues === undefined || issues.length === 0) return message;
  const said = issues.slice(0, mostOptions).map((each) => {
    const keys = (each.path ?? []).map(({ key }) => String(key));
    return `(${keys.length === 0 ? '' : `${keys.join('.')}: `}${withoutValue(each)})`;
  });
  const rest = issues.length > mostOptions ? `, or ${issues.length - mostOptions} more` : '';
  return `matches no option: ${said.join(', or ')}${rest}`;
}

/** What core does for the value that an issue is about it cannot do within a union: messages end up in logs. */
function withoutValue(issue: ValibotIssue): string {
  const { received = '' } = issue;
  const isValue = /^["\d-]/.test(received);
  return isValue ? messageOf(issue).replaceAll(received, '…') : messageOf(issue);
}
