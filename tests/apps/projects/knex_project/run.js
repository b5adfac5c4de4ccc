// An application on Knex with a column of every type: node run.js create|fill|dump|insert.
// EVERY_DATABASE is "sqlite:PATH" or a PostgreSQL URL.
const url = process.env.EVERY_DATABASE;
const onSqlite = url.startsWith('sqlite:');
const knex = require('knex')(
  onSqlite
    ? { client: 'better-sqlite3', connection: { filename: url.slice('sqlite:'.length) }, useNullAsDefault: true }
    : { client: 'pg', connection: readUrl(url) }
);
// As strings, whatever the driver would make of them.
if (!onSqlite) require('pg').types.setTypeParser(1082, (text) => text);

function readUrl(text) {
  const parts = new URL(text.replace('@/', '@localhost/'));
  return {
    host: parts.searchParams.get('host'),
    port: Number(parts.searchParams.get('port')),
    user: decodeURIComponent(parts.username),
    password: decodeURIComponent(parts.password),
    database: parts.pathname.slice(1),
  };
}

class Migrations {
  async getMigrations() { return ['001_first', '002_more']; }
  getMigrationName(name) { return name; }
  async getMigration(name) {
    return {
      '001_first': {
        up: (schema) => schema.schema.createTable('parents', (t) => { t.increments(); t.string('name', 40).unique(); }),
        down: async () => {},
      },
      '002_more': {
        up: (schema) => schema.schema.createTable('every', (t) => {
          t.bigIncrements();
          t.integer('whole'); t.bigInteger('big'); t.float('ratio'); t.double('double'); t.decimal('price', 10, 2);
          t.boolean('flag').notNullable(); t.string('short', 20); t.text('long'); t.date('day'); t.time('clock');
          t.datetime('at'); t.timestamp('local', { useTz: false }); t.binary('blob'); t.json('document');
          t.jsonb('documentB'); t.uuid('key').unique(); t.enu('state', ['open', 'done']);
          t.integer('parent_id').unsigned().references('parents.id').onDelete('CASCADE');
          t.timestamps(true, true);
        }),
        down: async () => {},
      },
    }[name];
  }
}

const actions = {
  async create() { await knex.migrate.latest({ migrationSource: new Migrations() }); },
  async fill() {
    await knex('parents').insert([{ name: 'one' }, { name: 'zwei – ü' }]);
    await knex('every').insert({
      whole: -5, big: 9007199254740991, ratio: 0.5, double: 1e300, price: 12345678.9, flag: true, short: 'x', long: 'a\nb',
      day: '2024-02-29', clock: '23:59:59', at: new Date(1700000000123), local: new Date(1700000000000),
      blob: Buffer.from([0, 255]), document: JSON.stringify({ a: [1, null, 'ü'] }), documentB: JSON.stringify([1.5]),
      key: '01234567-89ab-cdef-fedc-ba9876543210', state: 'open', parent_id: 2,
    });
    await knex('every').insert({
      whole: null, big: 0, ratio: -2, double: 3, price: -0.05, flag: false, short: '', long: null, day: null, clock: null,
      at: new Date(-1), local: null, blob: null, document: '5', documentB: 'true', key: null, state: null, parent_id: null,
      created_at: new Date(1700000001000), updated_at: new Date(1700000002000),
    });
  },
  async dump() {
    const rows = await knex('every').orderBy('id');
    const shown = rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, show(name, value)])));
    console.log(JSON.stringify({ every: shown, parents: await knex('parents').orderBy('id') }, null, 1));
  },
  async insert() {
    const [row] = await knex('parents').insert({ name: 'afterwards' }).returning('id');
    console.log(row.id ?? row);
  },
};

const MOMENTS = ['at', 'local', 'created_at', 'updated_at'];
function show(name, value) {
  if (value === null) return null;
  if (MOMENTS.includes(name)) {
    // CURRENT_TIMESTAMP of SQLite is a text in UTC, a Date that the application wrote is milliseconds.
    const moment = typeof value === 'string' ? new Date(value.replace(' ', 'T') + 'Z') : new Date(value);
    return moment.toISOString();
  }
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (name === 'flag') return Boolean(value);
  if (name.startsWith('document')) return typeof value === 'string' ? JSON.parse(value) : value;
  if (['big', 'id', 'price'].includes(name)) return Number(value);
  return value;
}

(async () => {
  for (const action of process.argv.slice(2)) await actions[action]();
  await knex.destroy();
})().catch((error) => { console.error(error); process.exit(1); });
