import path from 'path';

// PostgreSQL is the only database of the platform. Every value is a variable of the environment; times are in
// milliseconds. The Python service reads the same names.

interface Env {
  (key: string): string | undefined;
  (key: string, fallback: string): string;
  int(key: string, fallback: number): number;
  bool(key: string, fallback: boolean): boolean;
}

interface TlsOptions {
  rejectUnauthorized: boolean;
  ca?: string;
  cert?: string;
  key?: string;
}

const readTls = (env: Env): TlsOptions | false =>
  env.bool('DATABASE_SSL', false) && {
    rejectUnauthorized: env.bool('DATABASE_SSL_REJECT_UNAUTHORIZED', true),
    ca: env('DATABASE_SSL_CA'),
    cert: env('DATABASE_SSL_CERT'),
    key: env('DATABASE_SSL_KEY'),
  };

const readPool = (env: Env) => ({
  min: env.int('DATABASE_POOL_MIN', 2),
  max: env.int('DATABASE_POOL_MAX', 10),
  acquireTimeoutMillis: env.int('DATABASE_POOL_ACQUIRE_TIMEOUT', 30_000),
  createTimeoutMillis: env.int('DATABASE_POOL_CREATE_TIMEOUT', 5_000),
  destroyTimeoutMillis: env.int('DATABASE_POOL_DESTROY_TIMEOUT', 5_000),
  idleTimeoutMillis: env.int('DATABASE_POOL_IDLE_TIMEOUT', 60_000),
  reapIntervalMillis: env.int('DATABASE_POOL_REAP_INTERVAL', 1_000),
  createRetryIntervalMillis: env.int('DATABASE_POOL_CREATE_RETRY_INTERVAL', 200),
});

const postgres = (env: Env) => ({
  client: 'postgres' as const,
  connection: {
    connectionString: env('DATABASE_URL'),
    host: env('DATABASE_HOST', 'localhost'),
    port: env.int('DATABASE_PORT', 5432),
    database: env('DATABASE_NAME', 'strapi'),
    user: env('DATABASE_USERNAME', 'platform_owner'),
    password: env('DATABASE_PASSWORD'),
    schema: env('DATABASE_SCHEMA', 'public'),
    ssl: readTls(env),
  },
  pool: readPool(env),
  acquireConnectionTimeout: env.int('DATABASE_CONNECTION_TIMEOUT', 60_000),
});

/**
 * howdah: deprecated. The SQLite file of before the migration, to read old data with an old checkout. It is
 * not chosen by any setting, and its driver (better-sqlite3) is no dependency any more.
 *
 * @deprecated use `postgres`
 */
export const sqlite = (env: Env) => ({
  client: 'sqlite' as const, // howdah: deprecated
  connection: { filename: path.join(__dirname, '..', env('DATABASE_FILENAME', '.tmp/data.db')) }, // howdah: deprecated
  useNullAsDefault: true, // howdah: deprecated
});

export default ({ env }: { env: Env }) => {
  const client = env('DATABASE_CLIENT', 'postgres');
  if (client !== 'postgres') {
    throw new Error(
      `DATABASE_CLIENT=${client}: the platform runs on PostgreSQL. "howdah migrate" brings a SQLite file over.`,
    );
  }
  return { connection: postgres(env) };
};
