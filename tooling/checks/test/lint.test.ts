import { test } from '@jest/globals';
import { rootManifest } from './support/repository.js';
import { runCommand } from './support/run-command.js';

const lintScripts = Object.entries(rootManifest.scripts ?? {}).filter(([name]) => name.startsWith('lint:'));

test.each(lintScripts)('%s', async (_name, command) => {
  await runCommand(command);
});
