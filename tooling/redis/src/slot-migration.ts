import type { ControlUser } from './redis-configuration.js';
import type { RedisServer } from './redis-server.js';
import { setAddress } from './server-set.js';

const migrateTimeoutMs = 10_000;

/** A slot on its way from one master to another, while both are asked for it. `RedisCluster.startSlotMigration` begins it. */
export class SlotMigration {
  readonly slot: number;
  readonly source: RedisServer;
  readonly target: RedisServer;
  readonly #control: ControlUser;
  readonly #ids: { readonly source: string; readonly target: string };
  readonly #settle: () => Promise<void>;

  /** @internal */
  constructor(parts: {
    slot: number;
    source: RedisServer;
    target: RedisServer;
    ids: { source: string; target: string };
    control: ControlUser;
    settle: () => Promise<void>;
  }) {
    this.slot = parts.slot;
    this.source = parts.source;
    this.target = parts.target;
    this.#ids = parts.ids;
    this.#control = parts.control;
    this.#settle = parts.settle;
  }

  /** @internal From now on the source sends clients that ask for a key it has not (ASK) to the target. */
  async begin(): Promise<void> {
    await this.target.command('CLUSTER', 'SETSLOT', this.slot, 'IMPORTING', this.#ids.source);
    await this.source.command('CLUSTER', 'SETSLOT', this.slot, 'MIGRATING', this.#ids.target);
  }

  /** Moves up to so many keys and returns how many it were: 0 when the source has none left. Default 10. */
  async moveKeys(count = 10): Promise<number> {
    const keys = (await this.source.command('CLUSTER', 'GETKEYSINSLOT', this.slot, count)) as string[];
    if (keys.length === 0) return 0;
    const { host, port } = setAddress(this.target);
    const { username, password } = this.#control;
    const login = ['AUTH2', username, password];
    await this.source.command('MIGRATE', host, port, '', 0, migrateTimeoutMs, ...login, 'KEYS', ...keys);
    return keys.length;
  }

  /** Moves the keys that are left and gives the slot to the target. Resolves when every live node knows. */
  async finish(): Promise<void> {
    while ((await this.moveKeys()) > 0);
    // The new owner first: between the two commands the slot would else have none.
    await this.target.command('CLUSTER', 'SETSLOT', this.slot, 'NODE', this.#ids.target);
    await this.source.command('CLUSTER', 'SETSLOT', this.slot, 'NODE', this.#ids.target);
    await this.#settle();
  }
}
