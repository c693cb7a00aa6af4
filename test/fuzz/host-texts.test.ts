// Everything that an agent reads on its host: whatever gitlab-ctl, systemctl, apt, dpkg, busctl or Gitaly's log may say,
// nothing crashes or crawls, and what is not understood is never taken for well.
import { parseScheduled } from '@pitstop/agent/src/adapters/logind.ts'
import { parseNames, parsePackages, parseSimulation } from '@pitstop/agent/src/domain/apt-output.ts'
import { applicable, compareSimulation } from '@pitstop/agent/src/domain/apt-plan.ts'
import { parseStatusLine } from '@pitstop/agent/src/domain/apt-progress.ts'
import { compareVersions } from '@pitstop/agent/src/domain/debian-version.ts'
import { bootProblems, expectedKernel } from '@pitstop/agent/src/domain/boot-check.ts'
import { classifyLine } from '@pitstop/agent/src/domain/log-line.ts'
import { emptyTestimony, testify } from '@pitstop/agent/src/domain/log-verdict.ts'
import { gitlabCtlService, parseGitlabCtl, parseSystemctlShow } from '@pitstop/agent/src/domain/service-status.ts'
import { vetoes } from '@pitstop/agent/src/domain/veto.ts'
import fc from 'fast-check'
import t from 'tap'
import { broken, hold, strange } from './hold.ts'

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0

void t.test('gitlab-ctl: a service runs only where a line says "run" with a process', async (t) => {
  const good = ['run: gitaly: (pid 4321) 86400s; run: log: (pid 4300) 86400s', 'down: gitaly: 4s, normally up; run: log: (pid 41) 100s', 'run: gitaly: (pid 42) 1s, want down, got TERM',
    'warning: gitaly: unable to open supervise/ok: file does not exist', 'fail: gitaly: runsv not running', 'timeout: run: gitaly: (pid 3) 5s', 'run: postgresql: (pid 9) 9s', `run: gitaly: (pid ${'9'.repeat(30)}) 1s`]
  t.ok(hold(fc.array(broken(good), { maxLength: 4 }).map((lines) => lines.join('\n')), (text) => {
    const service = gitlabCtlService(text, 'gitaly')
    if (service.state === 'run' && !/run: gitaly: .*\(pid [1-9]\d*\)/.test(service.text)) throw new Error(`running, by ${JSON.stringify(service.text)}`)
    for (const each of parseGitlabCtl(text)) if (!isCount(each.pid) || !isCount(each.uptimeS)) throw new Error(`pid ${each.pid}, uptime ${each.uptimeS}`)
  }))
})

void t.test('systemctl show: a unit runs only when it is active and has a process', async (t) => {
  const good = ['ActiveState=active\nSubState=running\nMainPID=42\nActiveEnterTimestampMonotonic=1000000\nUnitFileState=enabled\nNRestarts=0', 'ActiveState=inactive\nMainPID=0', 'ActiveState=activating\nMainPID=7', 'Unit gitaly.service could not be found.']
  t.ok(hold(fc.tuple(broken(good), fc.nat(1e9)), ([text, uptimeMs]) => {
    const service = parseSystemctlShow(text, 'gitaly', uptimeMs)
    if (service.state === 'run' && !(/^ActiveState=active\s*$/m.test(text) && service.pid > 0)) throw new Error('running without proof')
    if (!isCount(service.pid) || !isCount(service.uptimeS)) throw new Error(`pid ${service.pid}, uptime ${service.uptimeS}`)
  }, 300, [[`ActiveState=active\nMainPID=${'9'.repeat(400)}`, 1], ['ActiveState=active\nMainPID=-5', 1], ['ActiveState=active\nMainPID=0x10', 1]]))
})

void t.test('apt: a simulation that is not understood as a whole is refused', async (t) => {
  const good = ['Inst libc6 [2.36-9] (2.36-10 Debian:12.5/stable, Debian-Security:12/stable-security [amd64]) [libc-bin:amd64 ]', 'Inst new (1.0 Debian:12/stable [amd64])', 'Remv old [1]', 'Conf libc6 (2.36-10 Debian:12.5/stable [amd64])']
  t.ok(hold(fc.array(broken(good), { maxLength: 6 }).map((lines) => lines.join('\n')), (text) => {
    const simulated = parseSimulation(text)
    const announced = text.split('\n').filter((line) => line.startsWith('Inst ')).length
    const read = simulated.changes.length + simulated.unread.filter((line) => line.startsWith('Inst ')).length
    if (announced !== read) throw new Error(`${announced} packages announced, ${read} accounted for`)
    if ((simulated.unread.length > 0 || simulated.removed.length > 0) && compareSimulation([], simulated).length === 0) throw new Error('taken for "nothing to do"')
    applicable([{ name: 'libc6', version: '2.36-10' }], parsePackages(text), simulated, { excluded: parseNames(text), held: [] })
  }))
})

void t.test('apt\'s progress stays between 0 and 100, dpkg\'s complaints are a veto whatever they are', async (t) => {
  t.ok(hold(broken(['pmstatus:libc6:42.5:Unpacking libc6', 'dlstatus:1:0:x', 'pmerror:libc6:amd64:40:bad', 'pmconffile:/etc/x:50:y']), (line) => {
    const progress = parseStatusLine(line)
    if (progress !== undefined && !(progress.percent >= -1 && progress.percent <= 100)) throw new Error(`${progress.percent} %`)
  }))
  t.ok(hold(broken(['The following packages are only half configured:\n libc6  GNU C Library']), (text) => {
    const nothing = { value: undefined }
    const reasons = vetoes('upgrade', { disabled: nothing, audit: { value: text }, dpkgLock: nothing, space: { value: [] }, bootProblems: { value: [] }, comebackProblems: { value: [] }, bootObstacle: nothing, downFile: nothing, shutdown: nothing, blockers: { value: [] }, hooks: { value: [] }, service: { value: gitlabCtlService('run: gitaly: (pid 1) 1s', 'gitaly') } })
    if ((reasons.length === 0) !== (text.trim() === '')) throw new Error('dpkg complained and nothing was in the way')
    for (const { text: told } of reasons) if (told.length > 1200) throw new Error('the veto repeats all of it')
  }))
})

void t.test('Debian versions are ordered: reflexive, opposite, and in time', async (t) => {
  const version = fc.oneof(broken(['1:2.36-9+deb12u7', '2.36~rc1-1', '0', '1.0-1ubuntu0.22.04.1']), fc.stringMatching(/^[0-9a-z.+:~-]{0,30}$/))
  t.ok(hold(fc.tuple(version, version), ([a, b]) => {
    if (compareVersions(a, a) !== 0) throw new Error('differs from itself')
    if (Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a)) !== 0) throw new Error('not opposite')
  }))
})

void t.test('logs: no line crashes, a line without words proves no start, and testimony stays small', async (t) => {
  const good = ['{"level":"info","msg":"Starting Gitaly","time":"2026-11-23T02:00:00.000Z"}', '{"level":"error","msg":"boom","pid":1}', 'time="2026-11-23" level=error msg="a \\"b\\" c" wrapper=1', '2026-11-23_02:00:00.12345 panic: x',
    '@400000006742b1c03b9aca00 {"level":"info"}', 'level=info msg="', '{"time":1e999,"level":{"a":1},"msg":[1]}', '{"__proto__":{"level":"info"}}', 'level=info msg=' + '"\\'.repeat(3000)]
  t.ok(hold(fc.array(broken(good), { maxLength: 5 }), (lines) => {
    let testimony = emptyTestimony
    for (const line of lines) {
      const { class: kind, timeMs } = classifyLine(line)
      if (kind === 'start-marker' && !/Starting Gitaly|listening at|Started Gitaly/.test(line)) throw new Error('a marker from nowhere')
      if (!Number.isFinite(timeMs)) throw new Error(`time ${timeMs}`)
      testimony = testify(testimony, line)
    }
    if (testimony.errors.some(({ text }) => text.length > 500)) throw new Error('keeps whole lines')
  }))
})

void t.test('scheduled shutdowns and kernels', async (t) => {
  t.ok(hold(broken(['{"type":"(st)","data":["reboot",1764000000000000]}', '{"type":"(st)","data":["",0]}', '{"data":["reboot",1e300]}', '{"data":["poweroff",99999999999999999999]}', 'null']), (text) => {
    const scheduled = parseScheduled(text)
    if (scheduled === '' && !/"data":\["",/.test(text.replace(/\s/g, ''))) throw new Error('none, by a text that does not say so')
  }, 300, ['{"data":["reboot",1e300]}']))
  t.ok(hold(fc.array(fc.record({ name: fc.oneof(broken(['vmlinuz-6.1.0-27-amd64', 'initrd.img-6.1.0-27-amd64']), strange), size: fc.nat() }), { maxLength: 8 }).chain((files) => fc.tuple(fc.constant(files), broken(['set default="0"\nmenuentry "Debian" --id a {\n linux /boot/vmlinuz-6.1.0-27-amd64 root=/dev/sda1\n initrd /boot/initrd.img-6.1.0-27-amd64\n}', 'set default="${saved_entry}"\nsubmenu "x" {\n'])))
  , ([files, config]) => {
    const boot = { files, rootLinks: [], grub: { config, environment: 'saved_entry=0\n', custom: undefined }, loaderEntries: [], modules: [], defaultTarget: undefined }
    expectedKernel(boot)
    bootProblems(boot)
  }))
})
