import type {
  Appender,
  Capabilities,
  Failure,
  Inspector,
  Subscription,
  SubscriptionOptions,
  Transport,
} from '../../src/index.js';
import { StubAppender } from './stub-appender.js';
import { StubFailure } from './stub-failure.js';
import { StubServer } from './stub-server.js';
import { StubSubscription } from './stub-subscription.js';

/** A transport without a server: every answer, and when it comes, is the test's to decide. */
export class StubTransport implements Transport {
  readonly retryPolicy: Transport['retryPolicy'];
  readonly server = new StubServer();
  readonly appenders: StubAppender[] = [];
  readonly subscriptions: StubSubscription[] = [];
  /** Called for each new subscription, before anything uses it. */
  prepare: ((subscription: StubSubscription) => void) | undefined;
  inspections = 0;
  closings = 0;
  /** Set to make `inspector().describe` fail. */
  inspectorFailure: StubFailure | undefined;

  constructor(retryPolicy: Partial<Transport['retryPolicy']> = {}) {
    this.retryPolicy = { strategy: 'retry', maxRetries: 3, ...retryPolicy };
  }

  async connect(): Promise<void> {}

  async capabilities(): Promise<Capabilities> {
    return { engine: 'stub', version: null, commands: {}, evictionPolicy: null };
  }

  appender(): Appender {
    const appender = new StubAppender();
    this.appenders.push(appender);
    return appender;
  }

  subscription(options: SubscriptionOptions): Subscription {
    const subscription = new StubSubscription(this.server.stream(options.stream), options);
    this.subscriptions.push(subscription);
    this.prepare?.(subscription);
    return subscription;
  }

  inspector(): Inspector {
    this.inspections += 1;
    return {
      describe: async (stream) => {
        if (this.inspectorFailure !== undefined) throw this.inspectorFailure;
        return this.server.describe(stream);
      },
      range: async () => [],
      trim: async () => 0,
      close: async () => {},
    };
  }

  classify(error: unknown): Failure {
    if (error instanceof StubFailure) return { kind: error.kind, cause: error };
    return { kind: 'unknown', cause: new Error('not a failure of the stub') };
  }

  async close(): Promise<void> {
    this.closings += 1;
  }
}
