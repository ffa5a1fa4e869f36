// What each room may import; `npm run lint` checks it. Cycles are Biome's (`noImportCycles`), which knows that two modules
// may name each other's types: without TypeScript's API, dependency-cruiser cannot tell those imports apart.

/** A package may import itself, Node's own modules, and what stands here: names of rooms, then one client or library. */
const doors = {
  admin: { rooms: ['core'] },
  'codec-cloudevents': { rooms: ['core'] },
  'codec-msgpack': { rooms: ['core'], libraries: ['@msgpack/msgpack'] },
  conformance: { rooms: ['core'] },
  contracts: { rooms: ['core'] },
  core: {},
  memory: { rooms: ['core'] },
  'redis-ioredis': { rooms: ['core', 'redis-streams'], libraries: ['ioredis'] },
  'redis-node': { rooms: ['core', 'redis-streams'], libraries: ['redis'] },
  'redis-streams': { rooms: ['core'], libraries: ['cluster-key-slot'] },
  'validator-custom': { rooms: ['core'] },
  'validator-valibot': { rooms: ['core'], libraries: ['valibot', '@valibot/to-json-schema'] },
  'validator-zod': { rooms: ['core'], libraries: ['zod', 'zod-to-json-schema'] },
};

const closedDoors = Object.entries(doors).map(([name, { rooms = [], libraries = [] }]) => ({
  name: `doors-of-${name}`,
  comment: `packages/${name}/src imports only: ${['node:*', ...rooms.map((room) => `@events/${room}`), ...libraries].join(', ')}.`,
  severity: 'error',
  from: { path: `^packages/${name}/src/` },
  to: {
    dependencyTypesNot: ['core'],
    pathNot: [
      `^packages/(${[name, ...rooms].join('|')})/src/`,
      ...libraries.map((library) => `node_modules/${library}/`),
    ],
  },
}));

export default {
  forbidden: [
    ...closedDoors,
    {
      name: 'doors-are-known',
      comment: 'A package that is not in the table of tooling/lint/dependency-rules.mjs may not import anything yet.',
      severity: 'error',
      from: { path: '^packages/', pathNot: `^packages/(${Object.keys(doors).join('|')})/` },
      to: {},
    },
    {
      name: 'core-stands-alone',
      comment: 'The tests of core need no other package of this repository: they would depend on what depends on core.',
      severity: 'error',
      from: { path: '^packages/core/' },
      to: { path: '^(packages|apps|tooling)/', pathNot: '^packages/core/' },
    },
    {
      name: 'neighbours-by-name',
      comment: 'Another package is imported by its published name, never by a path into it.',
      severity: 'error',
      from: { path: '^((?:packages|apps|tooling)/[^/]+)/' },
      to: { dependencyTypes: ['local'], pathNot: '^$1/' },
    },
    {
      name: 'apps-are-leaves',
      comment: 'Nothing depends on an app.',
      severity: 'error',
      from: { path: '^((?:packages|apps|tooling)/[^/]+)/' },
      to: { path: '^apps/', pathNot: '^$1/' },
    },
    {
      name: 'sources-do-not-import-tests',
      comment: 'What is published does not import tests, nor what is only installed to develop it.',
      severity: 'error',
      from: { path: '^(packages|apps)/[^/]+/src/' },
      to: { path: '^(packages|apps)/[^/]+/test/' },
    },
    {
      name: 'resolvable',
      comment: 'Every import can be found.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|coverage)/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      conditionNames: ['@events/source', 'import', 'node', 'default'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
};
