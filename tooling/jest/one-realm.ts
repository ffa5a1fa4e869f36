// Jest runs tests in a vm context. Errors made by Node itself (sockets, files) belong to the outer realm, so that
// `error instanceof Error` is false for them. Production has one realm; this makes the tests agree with it.
import { types } from 'node:util';

const ordinary = Function.prototype[Symbol.hasInstance];
Object.defineProperty(Error, Symbol.hasInstance, {
  configurable: true,
  value(this: () => void, candidate: unknown): boolean {
    return (this === (Error as unknown) && types.isNativeError(candidate)) || ordinary.call(this, candidate);
  },
});
