import { fileURLToPath } from 'node:url';

// src and dist lie side by side, so the path holds for both.
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

/** Paths of the committed test certificate, which is valid for localhost, 127.0.0.1 and ::1. */
export const tlsFixture = {
  authorityFile: fixture('authority.pem'),
  certificateFile: fixture('server.pem'),
  keyFile: fixture('server-key.pem'),
} as const;
