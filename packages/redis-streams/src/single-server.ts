import { addressOf, type Endpoint } from './connector.js';
import { Shard } from './shard.js';
import type { Topology } from './topology.js';

/** One server at an address that stays: its name is looked up with every connection, so it may lead elsewhere. */
export class SingleServer implements Topology {
  readonly description: string;
  readonly advice = 'Check that it runs, and host, port and tls.';
  readonly mastersOnly = false;
  readonly only: Shard;

  constructor(at: Endpoint) {
    this.description = addressOf(at);
    this.only = new Shard({ locate: () => at, suspect() {}, failedOver() {} }, at);
  }

  any(): Shard {
    return this.only;
  }

  hold(): () => void {
    return () => {};
  }
}
