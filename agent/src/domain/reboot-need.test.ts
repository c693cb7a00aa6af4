// Does the host ask for a reboot? needrestart's text is that of 3.6 on Debian 12, after its libraries were replaced
// under running services; the kernel lines that of a host that is no container.
import t from 'tap'
import { requestsInFlight } from './grpc-metrics.ts'
import { blockers, parseInhibitors } from './inhibitor.ts'
import { parseNeedrestart } from './needrestart.ts'
import { rebootNeed, type RebootNeedFacts } from './reboot-need.ts'

const libraries = 'NEEDRESTART-VER: 3.6\nNEEDRESTART-SVC: dbus.service\nNEEDRESTART-SVC: systemd-journald.service\nNEEDRESTART-SVC: systemd-logind.service\nNEEDRESTART-SVC: systemd-manager\n'
const kernel = (status: number): string => `NEEDRESTART-VER: 3.6\nNEEDRESTART-KCUR: 6.1.0-25-amd64\nNEEDRESTART-KEXP: 6.1.0-28-amd64\nNEEDRESTART-KSTA: ${status}\nNEEDRESTART-UCSTA: 1\nNEEDRESTART-UCCUR: 0x1000065\nNEEDRESTART-UCEXP: \n`
const well: RebootNeedFacts = { requiredBy: undefined, runningKernel: '6.1.0-25-amd64', expected: { version: '6.1.0-25-amd64' }, needrestart: undefined, gitalyUnit: 'gitlab-runsvdir.service' }
const said = (text: string): Pick<RebootNeedFacts, 'needrestart'> => {
  const value = parseNeedrestart(text)
  return { needrestart: value === undefined ? { unknown: 'not understood' } : { value } }
}

void t.test('a reboot is needed for each of these, and each says why', (t) => {
  const cases: readonly (readonly [string, Partial<RebootNeedFacts>, readonly RegExp[]])[] = [
    ['nothing', {}, []],
    ['needrestart has nothing to say in a container', said('NEEDRESTART-VER: 3.6\n'), []],
    ['the distribution\'s file, packages named once', { requiredBy: ['linux-base', 'libc6', 'linux-base'] }, [/^\/run\/reboot-required: linux-base, libc6$/]],
    ['the file without packages', { requiredBy: [] }, [/^\/run\/reboot-required$/]],
    ['another kernel would be booted', { expected: { version: '6.1.0-28-amd64' } }, [/6.1.0-25-amd64 runs; the boot loader starts 6.1.0-28-amd64/]],
    ['which kernel is booted is not known', { expected: { unknown: 'no menu' } }, []],
    ['then needrestart\'s word counts', { expected: { unknown: 'no menu' }, ...said(kernel(3)) }, [/6.1.0-28-amd64 is installed/]],
    ['but not against the boot loader: flavours side by side', said(kernel(3)), []],
    ['the same kernel, built anew', said(kernel(2)), [/built anew/]],
    ['no newer kernel', said(kernel(1)), []],
    ['microcode', said(kernel(1).replace('UCSTA: 1', 'UCSTA: 2')), [/microcode/]],
    ['libraries of what cannot be restarted', said(libraries), [/dbus.service, systemd-logind.service, systemd-manager run with/]],
    ['libraries of what can', said('NEEDRESTART-VER: 3.6\nNEEDRESTART-SVC: cron.service\nNEEDRESTART-SESS: root@session1\n'), []],
    ['Gitaly\'s own', said('NEEDRESTART-VER: 3.6\nNEEDRESTART-SVC: gitlab-runsvdir.service\n'), [/gitlab-runsvdir.service/]]
  ]
  for (const [name, part, reasons] of cases) {
    const need = rebootNeed({ ...well, ...part })
    t.equal(need.required, reasons.length > 0, name)
    t.equal(need.because.length, reasons.length, `${name}: ${need.because.join('; ')}`)
    for (const [index, pattern] of reasons.entries()) t.match(need.because[index], pattern, name)
    t.same(need.notes, [])
  }
  t.match(rebootNeed({ ...well, needrestart: { unknown: 'it died' } }), { required: false, notes: [/needrestart gave no answer: it died/] }, 'its failure is told, and decides nothing')
  t.same(parseNeedrestart('Can\'t locate object method "announce_ehint"\n'), undefined, 'no version, no answer')
  t.end()
})

void t.test('requests in flight are what users wait for', (t) => {
  const page = `# HELP grpc_server_handled_total Total number of RPCs completed on the server, regardless of success or failure.
# TYPE grpc_server_handled_total counter
grpc_server_handled_total{grpc_code="Canceled",grpc_method="PostUploadPackWithSidechannel",grpc_service="gitaly.SmartHTTPService",grpc_type="unary"} 12
grpc_server_handled_total{grpc_code="OK",grpc_method="PostUploadPackWithSidechannel",grpc_service="gitaly.SmartHTTPService",grpc_type="unary"} 1.20034e+06
grpc_server_handled_total{grpc_code="OK",grpc_method="FindCommit",grpc_service="gitaly.CommitService",grpc_type="unary"} 101
# TYPE grpc_server_started_total counter
grpc_server_started_total{grpc_method="PostUploadPackWithSidechannel",grpc_service="gitaly.SmartHTTPService",grpc_type="unary"} 1.200355e+06
grpc_server_started_total{grpc_method="FindCommit",grpc_service="gitaly.CommitService",grpc_type="unary"} 100
grpc_server_started_total{grpc_method="Watch",grpc_service="grpc.health.v1.Health",grpc_type="server_stream"} 4
grpc_server_started_total{grpc_method="ServerInfo",grpc_service="gitaly.ServerService",grpc_type="unary"} 9
grpc_server_msg_received_total{grpc_method="FindCommit",grpc_service="gitaly.CommitService",grpc_type="unary"} 700
`
  t.equal(requestsInFlight(page), 3, 'three fetches; a method that seems to have ended more than it began has none')
  t.equal(requestsInFlight('gitlab_build_info{version="18"} 1\n'), undefined, 'a page without the counters knows nothing')
  t.equal(requestsInFlight('grpc_server_started_total{grpc_method="Watch",grpc_service="grpc.health.v1.Health"} 4\n'), 0)
  t.end()
})

void t.test('who blocks a shutdown, in the words of logind 252 and 257', (t) => {
  const list = parseInhibitors('{"type":"a(ssssuu)","data":[[["shutdown","backup","dump running","block",0,62],["shutdown:sleep","unattended","delay it","delay",0,64],["sleep","x","y","block",0,7],["shutdown","weakling","weak","block-weak",0,66]]]}')
  t.same(blockers(list ?? []), ['backup (process 62): dump running'], 'delays are waited for, weak locks do not bind root')
  t.same(blockers(parseInhibitors('{"type":"a(ssssuu)","data":[[["shutdown","APT","APT is installing or removing packages","block",0,121]]]}') ?? []), ['APT (process 121): APT is installing or removing packages'])
  t.same(parseInhibitors('{"type":"a(ssssuu)","data":[[]]}'), [])
  for (const text of ['', '{}', 'Call failed', '{"data":[[["shutdown"]]]}']) t.equal(parseInhibitors(text), undefined, text)
  t.end()
})
