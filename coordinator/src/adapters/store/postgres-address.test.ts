// The store's address: what it means, what it refuses, and that it can be shown as it is.
import t from 'tap'
import { isPostgres, parsePostgresUrl } from './postgres-address.ts'

void t.test('user, host, port, database, and TLS that is checked unless it stays on this machine', async (t) => {
  t.same(parsePostgresUrl('postgres://pitstop@db.internal/fleet'), { host: 'db.internal', port: 5432, user: 'pitstop', database: 'fleet', tls: { mode: 'verify-full' }, shown: 'postgres://pitstop@db.internal:5432/fleet' })
  t.match(parsePostgresUrl('postgresql://p@db:6432/f?sslmode=require'), { port: 6432, tls: { mode: 'require' } })
  t.match(parsePostgresUrl('postgres://p@db/f?sslmode=verify-ca&sslrootcert=/ca.pem&sslcert=/c.pem&sslkey=/c.key'), { tls: { mode: 'verify-ca', authority: '/ca.pem', certificate: '/c.pem', key: '/c.key' } })
  for (const local of ['127.0.0.1', 'localhost', '[::1]', '%2Frun%2Fpostgresql']) t.match(parsePostgresUrl(`postgres://p@${local}/f`), { tls: null }, local)
  t.match(parsePostgresUrl('postgres://p@[fe80::2]:5433/f'), { host: 'fe80::2', port: 5433, tls: { mode: 'verify-full' }, shown: 'postgres://p@[fe80::2]:5433/f' })
  t.match(parsePostgresUrl('postgres:///f?host=/run/postgresql&user=p&port=5433'), { host: '/run/postgresql', user: 'p', port: 5433, tls: null })
  t.match(parsePostgresUrl('postgres://p@db/f?sslmode=disable'), { tls: null })
  t.match(parsePostgresUrl('postgres://p@db/f?sslmode=require&sslrootcert=/ca.pem'), { tls: { mode: 'verify-ca' } }, 'whoever names an authority wants it to be asked')
})

void t.test('whatever is missing, unknown or secret is refused with what to do', async (t) => {
  for (const [text, problem] of [
    ['postgres://p:hunter2@db/f', /must not carry the password.*store-password-file/], ['postgres://p@db/f?password=x', /must not carry the password/],
    ['postgres://db/f', /must name user/], ['postgres://p@db', /must name user, host and database/], ['postgres://p@db/f/g', /must name user/], ['postgres://p@a/f?port=x', /port/],
    ['postgres://p@a,b/f', /one host, no list/], ['postgres://p@a:1,b:2/f', /one host, no list/], ['postgres://p@a/f?host=b,c', /one host, no list/], ['postgres:///f?user=p&host=a&host=b', /has host more than once/], ['postgres://p@db/f?sslmode=disable&sslmode=require', /has sslmode more than once/],
    ['postgres://p@db:0/f', /port from 1/], ['postgres://p@db/f?sslmode=prefer', /sslmode disable, require/], ['postgres://p@db/f?options=-c', /does not know \(options\)/],
    ['postgres://p@db/f?sslcert=/c', /sslcert and sslkey together/], ['postgres://p@db/f?sslrootcert=ca.pem', /sslrootcert by its absolute path/], ['postgres:', /must name user|postgres:\/\/USER/], ['postgres://%', /must be postgres/]
  ] as const) {
    const parsed = parsePostgresUrl(text)
    t.match('problem' in parsed ? parsed.problem : JSON.stringify(parsed), problem, text)
    t.notMatch(JSON.stringify(parsed), /hunter2/)
  }
  t.equal(isPostgres('/var/lib/postgres:/x.db'), false)
})
