import { main } from './demo/main.js';
import { serviceArgument } from './demo/service-process.js';
import { runServiceWorker } from './demo/service-worker.js';

const args = process.argv.slice(2);
if (args[0] === serviceArgument) runServiceWorker();
else process.exitCode = await main(args, process.stdout, process.stderr);
