#!/usr/bin/env node
import { findRedisServer } from './find-redis-server.js';

// Prints the path of the server that the tests would use, for REDIS_SERVER_BIN.
try {
  process.stdout.write(`${await findRedisServer()}\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
