import { OptionsError } from './errors.js';
import { checkMemberName } from './stream-name.js';

/** What a group may be named after: a consumer's own options. */
export interface GroupNamingContext {
  /** The streams as given, without the prefix. */
  readonly streams: readonly string[];
  readonly streamPrefix: string | undefined;
  readonly serviceName: string | undefined;
  readonly group: string | undefined;
}

/** `custom` = as `group` says; `service-name` = as `serviceName` says; or a function of the options. */
export type GroupNamingStrategy = 'custom' | 'service-name' | ((context: GroupNamingContext) => string);

/** The group's name. Throws `OptionsError` for a contradiction, or a name that cannot be. */
export function groupName(strategy: GroupNamingStrategy = 'custom', context: GroupNamingContext): string {
  const { group, serviceName } = context;
  if (serviceName !== undefined && (typeof serviceName !== 'string' || serviceName === '')) {
    throw new OptionsError('serviceName must be a string that is not empty');
  }
  const name = named(strategy, group, serviceName, context);
  checkMemberName('group', name);
  return name;
}

function named(
  strategy: GroupNamingStrategy,
  group: string | undefined,
  serviceName: string | undefined,
  context: GroupNamingContext,
): string {
  if (strategy === 'custom') {
    if (serviceName !== undefined) {
      throw new OptionsError(
        "serviceName is for groupNamingStrategy 'service-name', or a function: with 'custom' give 'group'",
      );
    }
    return group as string;
  }
  if (strategy === 'service-name') {
    if (group !== undefined) {
      throw new OptionsError("group contradicts groupNamingStrategy 'service-name', which names it after serviceName");
    }
    if (serviceName === undefined) throw new OptionsError("groupNamingStrategy 'service-name' needs 'serviceName'");
    return serviceName;
  }
  if (typeof strategy !== 'function') {
    throw new OptionsError(
      `groupNamingStrategy must be 'custom', 'service-name' or a function, not ${String(strategy)}`,
    );
  }
  return strategy(context);
}
