import { plainAppending } from '@events/conformance';
import { until } from '@events/tooling-redis';
import { describe, expect, test } from '@jest/globals';
import { Laboratory, type TransportKit } from './kit.js';

const entry = { stream: 'orders', id: 'any', fields: ['id', '1'] };
/** Nothing is wrong with a server that is set like this. */
const sound = { appendOnly: true, maxMemory: '64mb' } as const;

/** What a transport tells of the way a server is set. */
export function settingsSuite(kit: TransportKit): void {
  describe.each(Object.entries(kit.protocols))(
    `${kit.name} over %s, and the settings of servers`,
    (_, clientOptions) => {
      const laboratory = new Laboratory(kit);

      test('a server that is set well has no findings', async () => {
        const { url } = await laboratory.server(sound);
        const transport = laboratory.transport({ url, clientOptions });
        const warnings: unknown[] = [];
        transport.on('warning', (warning) => warnings.push(warning));
        await transport.connect();
        const { findings, settings } = await transport.capabilities();
        expect(findings).toEqual([]);
        expect(warnings).toEqual([]);
        expect(settings).toMatchObject({
          ...{ role: 'master', connectedReplicas: 0, minReplicasToWrite: 0, minReplicasMaxLagMs: 10_000 },
          ...{ appendOnly: true, appendFsync: 'everysec', snapshots: false, diskWritesSucceed: true },
          ...{ maxMemoryBytes: 67_108_864, clientOutputBufferBytes: 0, maxValueBytes: 536_870_912, idleTimeoutMs: 0 },
          ...{ isClusterNode: false, requiresFullCoverage: null },
        });
      });

      test('each thing that is wrong is told once, at first use, and again to whoever asks', async () => {
        const config = {
          'maxmemory-policy': 'allkeys-lru',
          timeout: 300,
          'client-output-buffer-limit': 'normal 1mb 1mb 1',
        };
        const server = await laboratory.server({ config });
        const transport = laboratory.transport({ url: server.url, clientOptions });
        const warnings: string[] = [];
        transport.on('warning', (message, finding) => {
          expect(finding.message).toBe(message);
          expect(message).toContain(`${server.host}:${server.port}`);
          warnings.push(finding.code);
        });
        const expected = ['eviction', 'no-persistence', 'no-memory-limit', 'small-client-buffer', 'idle-timeout'];
        const appender = transport.appender(plainAppending);
        await appender.append([entry], 2_000);
        await until(() => warnings.length >= expected.length);
        await server.dropConnections();
        await until(async () => (await appender.append([entry], 2_000)).every((answer) => typeof answer === 'string'));
        await transport.connect();
        expect((await transport.capabilities()).findings.map(({ code }) => code)).toEqual(expected);
        expect(warnings).toEqual(expected);
      });

      test('where INFO, COMMAND and CONFIG are denied or missing, all is unknown, nothing is wrong, and everything works', async () => {
        const password = 'secret';
        const users = [`bound on >${password} ~* +@all -info -command -config`];
        const missing = { 'rename-command': 'CONFIG ""' };
        for (const options of [{ users }, { config: missing }]) {
          const { host, port } = await laboratory.server(options);
          const credentials = 'users' in options ? { username: 'bound', password } : {};
          const transport = laboratory.transport({ host, port, ...credentials, clientOptions });
          const problems: unknown[] = [];
          for (const name of ['warning', 'error', 'disconnected'] as const) {
            transport.on(name, (problem: unknown, finding?: { code: string }) =>
              problems.push(finding?.code ?? problem),
            );
          }
          await transport.connect();
          const { settings, version } = await transport.capabilities();
          expect(settings).toMatchObject({
            snapshots: null,
            appendFsync: null,
            idleTimeoutMs: null,
            maxValueBytes: null,
          });
          expect(version === null).toBe('users' in options);
          expect(await transport.appender(plainAppending).append([entry], 2_000)).toEqual([expect.any(String)]);
          // INFO alone tells of the missing limit and the missing file, and of nothing that only CONFIG knows
          expect(problems).toEqual('users' in options ? [] : ['no-append-only-file', 'no-memory-limit']);
        }
      });
    },
  );
}
