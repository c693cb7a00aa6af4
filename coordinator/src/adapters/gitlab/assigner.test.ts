// The assigner's schedule and its pipelines, over real HTTP.
import t from 'tap'
import { createGitLab } from './gitlab.ts'
import { bot, faultOf, never, scene } from './gitlab-scene.ts'

void t.test('the assigner', async (t) => {
  await t.test('the schedule is read without its variables, by path or number', async (t) => {
    const { gitlab, standIn, tokenFile } = await scene(t)
    const read = await gitlab.readSchedule()
    t.match(read, { active: true, ownerId: 9, description: 'gprd daily', nextRunAt: Number })
    t.notMatch(JSON.stringify(read), /InTheSchedule/)
    const byNumber = createGitLab({ url: standIn.url, token: { file: tokenFile }, requestTimeoutMs: 500, landsWithinMs: 0, moves: false, assigner: { url: standIn.url, token: { file: tokenFile }, project: '42', schedule: 319 } })
    t.strictSame(await byNumber.readSchedule(), read)
    await byNumber.close()
  })

  await t.test('pausing and enabling is read off the answer', async (t) => {
    const { gitlab, standIn, plant } = await scene(t)
    t.match(await gitlab.setScheduleActive(false), { active: false })
    t.equal(standIn.world.schedule?.active, false)
    t.match(await gitlab.setScheduleActive(true), { active: true })
    plant({ kind: 'rewrite', fields: { active: true } }, { method: 'PUT' })
    t.match(await faultOf(t, gitlab.setScheduleActive(false)), { code: 'GITLAB_ANSWER_INVALID', message: /yet the schedule is active/ })
    plant({ kind: 'rewrite', fields: { active: 'no' } })
    t.match(await faultOf(t, gitlab.readSchedule()), { code: 'GITLAB_ANSWER_INVALID', message: /active/ })
    plant({ kind: 'truncate' })
    t.match(await faultOf(t, gitlab.readSchedule()), { code: 'GITLAB_ANSWER_INVALID' })
    plant({ kind: 'rewrite', fields: { id: 320 } })
    t.match(await faultOf(t, gitlab.readSchedule()), { code: 'GITLAB_ANSWER_INVALID', message: /320 instead of 319/ })
  })

  await t.test('a schedule that is not owned is refused with the way out', async (t) => {
    const { gitlab, standIn } = await scene(t, { tokens: [{ ...bot, user: { id: 5, username: 'mere', admin: false } }] })
    t.match(await faultOf(t, gitlab.setScheduleActive(false)), { code: 'GITLAB_FORBIDDEN', hint: /owner/ })
    t.equal(standIn.world.schedule?.active, true)
  })

  await t.test('every unfinished pipeline is seen, whatever started it, also an old one and an unknown status', async (t) => {
    const { gitlab, standIn } = await scene(t)
    t.strictSame(await gitlab.livePipelines(), [])
    const old = standIn.world.startAssigner({ source: 'web', status: 'running' })
    for (let i = 0; i < 120; i++) standIn.world.startAssigner({ status: ['success', 'failed', 'canceled', 'skipped', 'manual'][i % 5] ?? 'success' })
    const odd = standIn.world.startAssigner({ status: 'canceling' })
    const scheduled = standIn.world.startAssigner({ status: 'pending' })
    const live = await gitlab.livePipelines()
    t.strictSame(new Set(live.map(({ id }) => id)), new Set([old, odd, scheduled]))
    t.match(live.find(({ id }) => id === old), { status: 'running', source: 'web', webUrl: /pipelines\/1000/ })
    await gitlab.cancelPipeline(old)
    t.notOk((await gitlab.livePipelines()).some(({ id }) => id === old))
    t.match(await faultOf(t, gitlab.cancelPipeline(1)), { code: 'GITLAB_NOT_FOUND', message: /cancelling pipeline 1/ })
  })

  await t.test('a fleet without assigner says so', async (t) => {
    const { standIn, tokenFile } = await scene(t)
    const gitlab = createGitLab({ url: standIn.url, token: { file: tokenFile }, requestTimeoutMs: 500, landsWithinMs: 0, moves: false })
    t.equal(gitlab.hasAssigner, false)
    for (const act of [gitlab.readSchedule(), gitlab.setScheduleActive(true), gitlab.livePipelines(), gitlab.cancelPipeline(1)]) {
      t.equal((await faultOf(t, act)).code, 'NOT_FOUND')
    }
    t.strictSame(await gitlab.checkRights(never), [])
    t.equal(await gitlab.storageMoves(), undefined, 'no source for moves')
    await gitlab.close()
  })
})
