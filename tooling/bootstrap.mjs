// One command from a bare clone on a machine with nothing but Node.js and npm: brings the pinned pnpm, installs what the
// lockfile names when anything changed, and runs the task. What it downloads for itself stays in .tools.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, constants as systemConstants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

class BootstrapError extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const tools = join(root, '.tools');
const windows = process.platform === 'win32';
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const startedAt = Date.now();

const turboRun = ['turbo', 'run', '--output-logs=errors-only', '--log-prefix=none'];
const compile = [...turboRun, '//#compile'];
// Also part of the compile task; again here because a restored cache brings files back, but takes none away.
const finish = ['node', 'tooling/build/finish-packages.mjs'];
// Fetched, where it can be, before a test's time limit runs.
const findRedis = ['node', 'tooling/redis/dist/find-cli.js'];
const jest = [
  'node',
  '--experimental-vm-modules',
  '--disable-warning=ExperimentalWarning',
  'node_modules/jest/bin/jest.js',
];

/** Each task is a list of commands, run in order; the first that fails ends it. */
const tasks = {
  install: () => [],
  build: (rest) => [[...compile, ...rest], finish],
  test: (rest) => [compile, finish, findRedis, [...jest, ...rest]],
  // Jest has an --all of its own, which means something else.
  conformance: (rest) => {
    if (rest.includes('--all')) process.env.EVENTS_CONFORMANCE = 'all';
    return turboTask('conformance')(rest.filter((option) => option !== '--all'));
  },
  start: (rest) => [
    ['tsc', '-b', 'apps/demo'],
    ['node', 'apps/demo/dist/index.js', ...rest],
  ],
  lint: (rest) => [[...turboRun, '--continue', '//#lint:code', '//#lint:dependencies', '//#lint:unused', ...rest]],
  format: (rest) => [['biome', 'check', '--write', ...(rest.length > 0 ? rest : ['.'])]],
  pnpm: (rest) => [['pnpm', ...rest]],
};
// One package at a time: what runs this way (servers, measurements) is not to be disturbed by its neighbour.
const turboTask = (name) => (rest) => [['turbo', 'run', '--concurrency=1', '--log-prefix=none', name, '--', ...rest]];

try {
  requireNode();
  const [name = 'install', ...rest] = process.argv.slice(2);
  const commands = (Object.hasOwn(tasks, name) ? tasks[name] : turboTask(name))(rest);
  const environment = childEnvironment();
  bringPnpm(environment);
  if (name !== 'pnpm') installDependencies(environment);
  for (const command of commands) await run(command, environment);
} catch (error) {
  if (!(error instanceof BootstrapError)) throw error;
  say(error.message);
  process.exitCode = error.exitCode;
}

function say(text) {
  process.stderr.write(`[bootstrap +${((Date.now() - startedAt) / 1000).toFixed(1)} s] ${text}\n`);
}

function requireNode() {
  const wanted = /(\d+)\.(\d+)/.exec(manifest.engines.node).slice(1).map(Number);
  const present = process.versions.node.split('.').map(Number);
  if (present[0] > wanted[0] || (present[0] === wanted[0] && present[1] >= wanted[1])) return;
  throw new BootstrapError(`Node.js ${manifest.engines.node} is needed, this is ${process.version}.`);
}

function childEnvironment() {
  // npm leaves its own settings in the environment of its children, and pnpm would take them as its own. What a user sets
  // to reach a registry (address, certificates, proxy) stays.
  const ofNpm =
    /^npm_(command|execpath|node_execpath|lifecycle_.*|package_.*|config_(global_prefix|init_module|local_prefix|node_gyp|noproxy|npm_version|prefix|user_agent|yes))$/i;
  const kept = Object.entries(process.env).filter(([key, value]) => !ofNpm.test(key) && value !== undefined);
  const environment = Object.fromEntries(kept);
  environment.PATH = [pnpmDirectory(), join(root, 'node_modules', '.bin'), environment.PATH].join(delimiter);
  environment.TURBO_TELEMETRY_DISABLED = '1';
  environment.DO_NOT_TRACK = '1';
  environment.COREPACK_ENABLE_STRICT = '0';
  return isWritable(homedir()) ? environment : withOwnHome(environment);
}

function isWritable(directory) {
  try {
    accessSync(directory, constants.W_OK);
    return true;
  } catch {
    return false; // missing and read-only come to the same here
  }
}

/** A home directory that cannot be written (a service account, a container) still lends its npm settings. */
function withOwnHome(environment) {
  const home = join(tools, 'home');
  mkdirSync(home, { recursive: true });
  const settings = join(homedir(), '.npmrc');
  return { npm_config_userconfig: settings, ...environment, HOME: home, USERPROFILE: home };
}

function pnpmVersion() {
  return /^pnpm@([^+]+)/.exec(manifest.packageManager)[1];
}

function pnpmDirectory() {
  return join(tools, `pnpm-${pnpmVersion()}`, 'node_modules', '.bin');
}

function bringPnpm(environment) {
  const version = pnpmVersion();
  if (existsSync(join(pnpmDirectory(), windows ? 'pnpm.cmd' : 'pnpm'))) return;
  say(`bringing pnpm ${version} into .tools`);
  const destination = join(tools, `pnpm-${version}`);
  const staging = `${destination}.${process.pid}`;
  mkdirSync(staging, { recursive: true });
  writeFileSync(join(staging, 'package.json'), '{ "private": true }\n');
  // The cache is ours because a user's own may be read-only, or belong to root after a `sudo npm`.
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--no-package-lock', '--loglevel=error'];
  const cache = ['--cache', join(tools, 'npm-cache'), '--prefer-offline'];
  const npm = ['install', '--prefix', staging, '--no-save', ...quiet, ...cache, `pnpm@${version}`];
  try {
    const { status, error } = spawnSync('npm', npm, {
      cwd: staging,
      stdio: ['ignore', 2, 2],
      env: environment,
      shell: windows,
    });
    if (error !== undefined || status !== 0) throw offline(`pnpm ${version} could not be installed with npm`, error);
    if (existsSync(destination)) rmSync(destination, { recursive: true });
    renameSync(staging, destination);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function installDependencies(environment) {
  const stamp = join(root, 'node_modules', '.bootstrap');
  const wanted = dependencyHash();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('pnpm install');
  const options = [
    'install',
    '--frozen-lockfile',
    '--prefer-offline',
    '--config.confirmModulesPurge=false',
    '--reporter=append-only',
  ];
  const { status, error } = spawnSync('pnpm', options, {
    cwd: root,
    stdio: ['ignore', 2, 2],
    env: environment,
    shell: windows,
  });
  if (error !== undefined || status !== 0) throw offline('the dependencies could not be installed with pnpm', error);
  writeFileSync(stamp, wanted);
}

function dependencyHash() {
  const hash = createHash('sha256');
  const files = ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml'];
  for (const group of ['packages', 'apps', 'tooling']) {
    for (const name of readdirSync(join(root, group)).sort()) files.push(join(group, name, 'package.json'));
  }
  for (const file of files) if (existsSync(join(root, file))) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

function offline(what, error) {
  const reason = error === undefined ? 'its own message stands above' : error.message;
  return new BootstrapError(
    `${what} (${reason}). The first run needs the npm registry; on a machine behind a proxy or a mirror, npm's own ` +
      'settings (.npmrc, npm_config_registry, HTTPS_PROXY) are used.',
  );
}

/** Resolves when the command succeeded. Signals reach the child first, so that a program may stop in its own time. */
function run([command, ...options], environment) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, options, { cwd: root, stdio: 'inherit', env: environment, shell: windows });
    const forward = (signal) => child.kill(signal);
    // A terminal sends SIGINT to the whole process group: the child has it already.
    const wait = () => {};
    process.on('SIGINT', wait).on('SIGTERM', forward).on('SIGHUP', forward);
    child.on('error', (error) => reject(new BootstrapError(`${command} could not be started: ${error.message}`)));
    child.on('close', (code, signal) => {
      process.off('SIGINT', wait).off('SIGTERM', forward).off('SIGHUP', forward);
      if (code === 0) resolve();
      else if (signal !== null)
        reject(new BootstrapError(`${command} was ended by ${signal}`, 128 + systemConstants.signals[signal]));
      else reject(new BootstrapError(`${command} failed with exit code ${code}`, code));
    });
  });
}
