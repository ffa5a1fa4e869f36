// After `tsc -b`: marks the CommonJS output of each package as such, and removes output whose source is gone (tsc leaves
// it behind, and it would be published).
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../../packages/', import.meta.url));
const marker = '{ "type": "commonjs" }\n';

for (const name of readdirSync(packages)) {
  for (const format of ['esm', 'cjs']) {
    const output = join(packages, name, 'dist', format);
    if (!existsSync(output)) continue;
    removeOrphans(output, join(packages, name, 'src'));
    if (format === 'cjs') writeFileSync(join(output, 'package.json'), marker);
  }
}

function removeOrphans(output, source) {
  for (const entry of readdirSync(output, { withFileTypes: true, recursive: true })) {
    const stem = entry.name.replace(/(\.d\.ts|\.js)(\.map)?$/, '');
    if (!entry.isFile() || stem === entry.name) continue;
    const directory = join(source, entry.parentPath.slice(output.length));
    if (!existsSync(join(directory, `${stem}.ts`))) rmSync(join(entry.parentPath, entry.name), { force: true });
  }
}
