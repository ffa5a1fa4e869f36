const commands: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  linux: [
    'Debian, Ubuntu:  sudo apt-get install redis-server',
    'Fedora, RHEL:    sudo dnf install redis        (or valkey)',
    'Alpine:          sudo apk add redis            (or valkey)',
    'Arch:            sudo pacman -S valkey',
  ],
  darwin: ['macOS:  brew install redis                 (or valkey)'],
  win32: ['Windows:  run this repository inside WSL, then: sudo apt-get install redis-server'],
};

/** What to type on this platform to get a server, as lines for the end of an error. */
export function installHint(platform: NodeJS.Platform = process.platform): string {
  const lines = commands[platform] ?? ['Install redis-server with the package manager of your system.'];
  return [
    'Install Redis 7.0 or newer, or Valkey 7.2 or newer:',
    ...lines.map((line) => `  ${line}`),
    'or set REDIS_SERVER_BIN to the path of a redis-server or valkey-server program.',
  ].join('\n');
}
