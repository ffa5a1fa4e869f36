import type { Connector, Endpoint, Link, NodeAddressMap } from './connector.js';
import { invalidReply, RedisFailure } from './failures.js';
import { Informant } from './informant.js';
import { decodeArray, decodeMap, decodeText } from './replies.js';

/** How long a sentinel may take to answer. */
const answerWithinMs = 1_000;

/** What a sentinel says. */
export interface Opinion {
  /** Where the master is; `null` = it knows no master of that name. */
  readonly endpoint: Endpoint | null;
  /** How new that is: the number that sentinels give to each failover. */
  readonly epoch: number;
  readonly others: readonly { readonly id: string; readonly endpoint: Endpoint }[];
}

/** One sentinel: is asked, and listened to. */
export class Sentinel {
  readonly isConfigured: boolean;
  readonly #connector: Connector;
  readonly #name: string;
  readonly #onSwitch: () => void;
  readonly #informant: Informant;
  #subscription: Link | undefined;
  #id: string | undefined;
  #isSilent = false;

  constructor(
    connector: Connector,
    endpoint: Endpoint,
    options: { readonly name: string; readonly isConfigured: boolean; readonly onSwitch: () => void },
  ) {
    this.#connector = connector;
    this.isConfigured = options.isConfigured;
    this.#name = options.name;
    this.#onSwitch = options.onSwitch;
    this.#informant = new Informant(connector, endpoint, 'sentinel');
  }

  /** Its own name among sentinels, once it has told. */
  get id(): string | undefined {
    return this.#id;
  }

  /** Whether it did not answer when it was asked last. */
  get isSilent(): boolean {
    return this.#isSilent;
  }

  /** Asks it where the master is. Rejects with a `RedisFailure`. */
  async opinion(): Promise<Opinion> {
    const commands = [
      ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', this.#name],
      ['SENTINEL', 'MASTER', this.#name],
      ['SENTINEL', 'SENTINELS', this.#name],
      ['SENTINEL', 'MYID'],
    ];
    try {
      const [address, master, others, id] = await this.#informant.ask(commands, answerWithinMs);
      if (address instanceof RedisFailure) throw address;
      this.#isSilent = false;
      if (typeof id === 'string') this.#id = id;
      return {
        endpoint: address === null ? null : this.#endpointOf(decodeArray(address, 'SENTINEL')),
        epoch: epochOf(master),
        others:
          others instanceof RedisFailure ? [] : decodeArray(others, 'SENTINEL').map((other) => this.#other(other)),
      };
    } catch (error) {
      this.#isSilent = true;
      // what cannot be asked cannot be heard either
      this.#endSubscription();
      throw error instanceof RedisFailure ? error : invalidReply('SENTINEL');
    }
  }

  /** Hears of failovers from now on, for as long as the connection lasts. */
  listen(): void {
    if (this.#subscription !== undefined) return;
    const link = this.#connector.open(this.#informant.endpoint, 'sentinel', () => {
      if (this.#subscription === link) this.#subscription = undefined;
    });
    this.#subscription = link;
    link.ready
      .then(() => link.send([['CLIENT', 'SETNAME', this.#connector.connectionName ?? 'events:topology']], 'text'))
      .then(() =>
        link.subscribe('+switch-master', (message) => {
          if (message.split(' ', 1)[0] === this.#name) this.#onSwitch();
        }),
      )
      // said a second earlier, by the sentinel that leads the failover: the old master may still take entries until then
      .then(() =>
        link.subscribe('+promoted-slave', (message) => {
          if (message.split(' @ ')[1]?.split(' ', 1)[0] === this.#name) this.#onSwitch();
        }),
      )
      .catch(() => {
        // tried again after the next answer; until then it is asked every few seconds
        if (this.#subscription === link) this.#endSubscription();
      });
  }

  close(): void {
    this.#endSubscription();
    this.#informant.close();
  }

  #endSubscription(): void {
    const link = this.#subscription;
    this.#subscription = undefined;
    link?.destroy();
  }

  #endpointOf([host, port]: readonly unknown[]): Endpoint {
    return announced(decodeText(host, 'SENTINEL'), decodeText(port, 'SENTINEL'), this.#map);
  }

  #other(reply: unknown): { readonly id: string; readonly endpoint: Endpoint } {
    const map = decodeMap(reply, 'SENTINEL');
    return { id: String(map.get('runid')), endpoint: this.#endpointOf([map.get('ip'), map.get('port')]) };
  }

  get #map(): NodeAddressMap | undefined {
    const { origin } = this.#connector;
    return origin.kind === 'server' ? undefined : origin.mapAddress;
  }
}

function epochOf(master: unknown): number {
  if (master instanceof RedisFailure) return 0;
  return Number(decodeMap(master, 'SENTINEL').get('config-epoch') ?? 0);
}

/** Where `host:port`, which a server has announced, is reached. */
export function announced(host: string, port: string, map: NodeAddressMap | undefined): Endpoint {
  return map?.(`${host}:${port}`) ?? { host, port: Number(port) };
}
