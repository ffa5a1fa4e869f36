import { compareEntryIds } from './compare-entry-ids.js';
import { type EventsError, GroupNotFoundError } from './errors.js';
import { checkGroupExists } from './existing-group.js';
import type { Inspector } from './inspector.js';
import { retryOperation } from './retry-operation.js';
import type { StreamSession } from './stream-session.js';
import type { GroupStart } from './subscription.js';

/** How far before the last known position a group is resumed: other consumers of the group may have been behind this one. */
const resumeMarginMs = 60_000;

/** Creates the group where it is missing, and heals its loss as the user chose. */
export class GroupKeeper {
  readonly #session: StreamSession;
  readonly #forgetAll: () => void;
  readonly #onFatal: (error: EventsError) => void;
  #checking: Promise<void> | undefined;
  /** The loss was answered by giving up. */
  #isFatal = false;
  /** The highest id that was in our hands before the group was lost. */
  #lastKnownId: string | undefined;

  constructor(session: StreamSession, forgetAll: () => void, onFatal: (error: EventsError) => void) {
    this.#session = session;
    this.#forgetAll = forgetAll;
    this.#onFatal = onFatal;
  }

  noteRead(entryId: string): void {
    this.#lastKnownId = entryId;
  }

  /** Makes sure of the group. Resolves with whether it was created. */
  async create(): Promise<boolean> {
    const { settings, names, subscription, stopping } = this.#session;
    if (!settings.autoCreateGroup) {
      await checkGroupExists(settings.transport, names.stream, settings.group, stopping.signal);
      return false;
    }
    const what = `Could not create group '${settings.group}' of '${names.stream}'`;
    const created = await retryOperation(
      settings.transport,
      what,
      () => subscription.ensureGroup(settings.startFrom),
      stopping.signal,
    );
    if (created) this.#session.emit('groupCreated', { stream: names.stream, group: settings.group });
    return created;
  }

  /** Looks whether the group is there, and heals its loss. Never rejects; one check at a time. */
  check(): Promise<void> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #check(): Promise<void> {
    const { settings, names, stopping } = this.#session;
    let inspector: Inspector | undefined;
    try {
      inspector = settings.transport.inspector();
      const description = await inspector.describe(names.stream);
      const exists = description?.groups.some(({ name }) => name === settings.group) ?? false;
      if (exists || this.#isFatal || stopping.signal.aborted) return;
      await this.#heal(description?.lastGeneratedId);
      this.#session.succeeded('restore');
    } catch (error) {
      this.#session.failed('restore', error);
    } finally {
      await inspector?.close().catch((error: unknown) => this.#session.failed('look at', error));
    }
  }

  async #heal(lastGeneratedId: string | undefined): Promise<void> {
    const { settings, names, subscription } = this.#session;
    const policy = typeof settings.onGroupLost === 'string' ? settings.onGroupLost : 'entryId';
    const start = this.#startAfterLoss(lastGeneratedId);
    const from =
      start === undefined ? null : typeof start === 'object' && 'entryId' in start ? start.entryId : String(start);
    this.#session.emit('groupLost', { stream: names.stream, group: settings.group, policy, from });
    if (start === undefined) {
      this.#isFatal = true;
      this.#onFatal(
        new GroupNotFoundError(
          `Group '${settings.group}' of '${names.stream}' was lost, and onGroupLost is 'fail'. Find out why (FLUSHALL, eviction, a replica without the data), then start again`,
        ),
      );
      return;
    }
    this.#forgetAll();
    if (await subscription.ensureGroup(start)) {
      this.#session.emit('groupCreated', { stream: names.stream, group: settings.group });
    }
  }

  #startAfterLoss(lastGeneratedId: string | undefined): GroupStart | undefined {
    const { onGroupLost } = this.#session.settings;
    if (onGroupLost === 'fail') return undefined;
    if (onGroupLost !== 'resume') return onGroupLost;
    const position = this.#position();
    // a stream that does not reach our position is another one, or an older copy: only its beginning is safe
    if (position === undefined || lastGeneratedId === undefined || compareEntryIds(lastGeneratedId, position) < 0) {
      return 'beginning';
    }
    const resumeMs = BigInt(position.slice(0, position.indexOf('-'))) - BigInt(resumeMarginMs);
    return { entryId: `${resumeMs > 0n ? resumeMs : 0n}-0` };
  }

  /** The lowest id that is not settled, or else the last one read. */
  #position(): string | undefined {
    let lowest: string | undefined;
    for (const id of this.#session.held.keys()) {
      if (lowest === undefined || compareEntryIds(id, lowest) < 0) lowest = id;
    }
    return lowest ?? this.#lastKnownId;
  }
}
