import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from './repository.js';
import { runCommand } from './run-command.js';

/** A project as a user has it: its own directory, its own node_modules, no configuration of ours. */
export class ConsumerProject {
  readonly #name: string;
  readonly #type: 'commonjs' | 'module';
  #directory = '';

  constructor(name: string, type: 'commonjs' | 'module') {
    this.#name = name;
    this.#type = type;
  }

  /** Installs with npm, as most users do; what the registry gave once is kept beside the pinned pnpm. */
  async install(parent: string, packages: readonly string[]): Promise<void> {
    this.#directory = join(parent, this.#name);
    await mkdir(this.#directory);
    await this.write('package.json', JSON.stringify({ name: this.#name, private: true, type: this.#type }));
    const cache = JSON.stringify(join(repositoryRoot, '.tools/npm-cache'));
    const quiet = '--no-audit --no-fund --no-update-notifier --ignore-scripts';
    const wanted = packages.map((name) => JSON.stringify(name)).join(' ');
    await this.run(`npm install --strict-peer-deps --prefer-offline --cache ${cache} ${quiet} ${wanted}`);
  }

  write(file: string, content: string): Promise<void> {
    return writeFile(join(this.#directory, file), content);
  }

  /** Compiles a file as strictly as TypeScript can, the declarations it imports included. */
  async checkTypes(file: string, program: readonly string[]): Promise<void> {
    await this.write(file, program.join('\n'));
    const typeRoots = [join(repositoryRoot, 'node_modules/@types')];
    const compilerOptions = {
      ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true },
      ...{ module: 'nodenext', target: 'es2023', lib: ['es2023'], types: ['node'], typeRoots },
    };
    await this.write('tsconfig.json', JSON.stringify({ compilerOptions, files: [file] }));
    await this.run('tsc');
  }

  run(command: string): Promise<string> {
    return runCommand(command, { directory: this.#directory });
  }
}
