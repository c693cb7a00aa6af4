// Tokens: read anew for each request, judged before they end, and never told.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createGitLab } from './gitlab.ts'
import { tokenWarnings } from './token.ts'
import { bot, faultOf, scene, secret, temporaryFolder } from './gitlab-scene.ts'

void t.test('tokens', async (t) => {
  await t.test('a rotated token is used at the next request', async (t) => {
    const { gitlab, standIn, tokenFile } = await scene(t)
    await gitlab.readWeights()
    standIn.tokens = [{ ...bot, name: 'fresh', value: 'glpat-TheSecretRotated' }]
    t.match(await faultOf(t, gitlab.readWeights()), { code: 'GITLAB_TOKEN', hint: new RegExp(`put a valid token into the file ${tokenFile}`) })
    await writeFile(tokenFile, 'glpat-TheSecretRotated')
    t.match(await gitlab.readWeights(), { default: 100 })
  })

  await t.test('a missing, empty or odd token is named by its place and nothing is sent', async (t) => {
    const { gitlab, standIn, tokenFile } = await scene(t)
    for (const text of ['', ' \n', 'glpat-TheSecret and more', 'glpat-TheSecret\nglpat-TheSecret2']) {
      await writeFile(tokenFile, text)
      t.match(await faultOf(t, gitlab.readWeights()), { code: 'GITLAB_TOKEN', message: new RegExp(tokenFile) })
    }
    const missing = createGitLab({ url: standIn.url, token: { file: '/nowhere/token' }, requestTimeoutMs: 500, landsWithinMs: 0, moves: false })
    t.match(await faultOf(t, missing.writeWeights({ default: 1 })), { code: 'GITLAB_TOKEN', message: /\/nowhere\/token cannot be read \(ENOENT\)/ })
    await missing.close()
    t.equal(standIn.log.lines.length, 0)
  })

  await t.test('a token can come from the environment', async (t) => {
    process.env['PITSTOP_TEST_TOKEN'] = secret
    t.teardown(() => { delete process.env['PITSTOP_TEST_TOKEN'] })
    const { gitlab } = await scene(t, {}, { token: { env: 'PITSTOP_TEST_TOKEN' } })
    t.match(await gitlab.readWeights(), { default: 100 })
    delete process.env['PITSTOP_TEST_TOKEN']
    t.match(await faultOf(t, gitlab.readWeights()), { code: 'GITLAB_TOKEN', message: /PITSTOP_TEST_TOKEN/ })
  })

  await t.test('a token file that everybody can read is a warning', async (t) => {
    const folder = await temporaryFolder(t, 'pitstop-token-')
    await writeFile(join(folder, 'open'), 'x', { mode: 0o644 })
    await writeFile(join(folder, 'closed'), 'x', { mode: 0o640 })
    const found = await tokenWarnings([{ file: join(folder, 'open') }, { file: join(folder, 'closed') }, { env: 'HOME' }, { file: '/nowhere' }])
    t.match(found, [{ code: 'SECRET_EXPOSED', hint: /chmod o-rwx .*open/ }])
    t.equal(found.length, 1)
  })
})
