/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`test/scenarios/halting.test.ts > TAP > a start-up error halts the window; the node keeps its slot and its weight 0; a retry that ends healthy lets the rest go > the story of a halt and a retry 1`] = `
     0.0  window-opened
     0.0  promise assigner = true
     0.1  pause-assigner done
     0.1  drain-pipelines done
     0.1  window-rolling
     0.1  node-admitted gitaly-01
     0.1  node-admitted gitaly-02
     5.1  manifest-resolved gitaly-01
     5.1  stage done gitaly-01
     5.1  promise weight:gitaly-01 = 100
     5.1  zero-weight done gitaly-01
    10.1  stage done gitaly-02
    10.1  promise weight:gitaly-02 = 99
    10.1  zero-weight done gitaly-02
    15.1  settle done gitaly-01
    20.1  settle done gitaly-02
    35.1  upgrade done gitaly-01
    35.1  node-prepared gitaly-01
    35.1  slot-taken gitaly-01
    35.1  node-admitted gitaly-03
    40.2  upgrade done gitaly-02
    40.2  node-prepared gitaly-02
    40.2  stage done gitaly-03
    40.2  promise weight:gitaly-03 = 0
    40.2  zero-weight done gitaly-03
    50.2  settle done gitaly-03
    66.1  reboot done gitaly-01
    66.7  check-service done gitaly-01
    66.7  check-log done gitaly-01
    66.7  node-reported gitaly-01
    70.2  upgrade done gitaly-03
    70.2  node-prepared gitaly-03
    76.7  soak done gitaly-01
    76.7  node-healthy gitaly-01 after 31.5 s
    76.7  slot-taken gitaly-02
    76.7  slot-taken gitaly-03
    76.7  node-admitted gitaly-04
    76.7  paid weight:gitaly-01 by pitstop
    76.7  restore-weight done gitaly-01
    81.7  stage done gitaly-04
    81.7  promise weight:gitaly-04 = 97
    81.7  zero-weight done gitaly-04
    91.7  settle done gitaly-04
   107.7  reboot done gitaly-02
   107.7  reboot done gitaly-03
   108.3  node-reported gitaly-02
   108.3  node-reported gitaly-03
   108.3  check-service done gitaly-02
   108.3  node-failed gitaly-02: STARTUP_ERROR
   108.3  window-halted: BUDGET_SPENT, STARTUP_ERROR
   108.3  check-service done gitaly-03
   108.3  check-log done gitaly-03
   111.8  upgrade done gitaly-04
   111.8  node-prepared gitaly-04
   118.3  soak done gitaly-03
   118.3  node-healthy gitaly-03 after 31.5 s
   118.3  paid weight:gitaly-03 by pitstop
   118.3  restore-weight done gitaly-03
   136.7  watch done gitaly-01
   136.7  node-done gitaly-01
   178.3  watch done gitaly-03
   178.3  node-done gitaly-03
  1305.1  node-retried gitaly-02 (reboot)
  1336.1  reboot done gitaly-02
  1336.6  node-reported gitaly-02
  1336.7  check-service done gitaly-02
  1336.7  check-log done gitaly-02
  1346.6  soak done gitaly-02
  1346.6  node-healthy gitaly-02 after 31.5 s
  1346.6  window-resumed
  1346.6  slot-taken gitaly-04
  1346.7  paid weight:gitaly-02 by pitstop
  1346.7  restore-weight done gitaly-02
  1377.6  reboot done gitaly-04
  1378.2  node-reported gitaly-04
  1378.2  check-service done gitaly-04
  1378.2  check-log done gitaly-04
  1388.2  soak done gitaly-04
  1388.2  node-healthy gitaly-04 after 31.5 s
  1388.2  paid weight:gitaly-04 by pitstop
  1388.2  restore-weight done gitaly-04
  1406.6  watch done gitaly-02
  1406.6  node-done gitaly-02
  1448.2  watch done gitaly-04
  1448.2  node-done gitaly-04
  1448.2  window-closing
  1448.2  window-settling
  1448.2  resume-assigner done
  1448.2  paid assigner by pitstop
  1448.2  audit: everything as before
  1448.2  window-closed

`
