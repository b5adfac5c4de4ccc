module.exports = ({ env }) => ({
  connection:
    env('DATABASE_CLIENT') === 'sqlite'
      ? { client: 'sqlite', connection: { filename: env('DATABASE_FILENAME') }, useNullAsDefault: true }
      : {
          client: 'postgres',
          connection: {
            host: env('DATABASE_HOST'),
            port: env.int('DATABASE_PORT'),
            database: env('DATABASE_NAME'),
            user: env('DATABASE_USERNAME'),
            password: env('DATABASE_PASSWORD'),
          },
        },
});
