/** Where warnings go that nobody listens for. `console` fits, and so do pino and winston. Never given a payload. */
export interface Logger {
  warn(message: string): void;
  error(message: string): void;
}

/** Process warnings, so that nothing is silent and nothing pollutes standard output. */
const processLogger: Logger = {
  warn: (message) => process.emitWarning(message, { type: 'EventsWarning' }),
  error: (message) => process.emitWarning(message, { type: 'EventsError' }),
};

/** `logger`, or process warnings. A logger that throws disturbs nobody: its message goes to the process warnings. */
export function safeLogger(logger: Logger | undefined): Logger {
  if (logger === undefined) return processLogger;
  const guard = (level: 'warn' | 'error') => (message: string) => {
    try {
      logger[level](message);
    } catch {
      // said where it cannot fail
      processLogger[level](message);
    }
  };
  return { warn: guard('warn'), error: guard('error') };
}
