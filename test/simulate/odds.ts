// How likely everything that goes wrong is. Each window is of one mood, drawn from its seed: half of them see a fault or two,
// a few see more than any night should. A rate is multiplied by the mood; "per call" and "per write" are drawn each time.
export const moods = [
  { name: 'calm', share: 0.3, times: 0.15 },
  { name: 'fair', share: 0.4, times: 1 },
  { name: 'rough', share: 0.2, times: 4 },
  { name: 'storm', share: 0.1, times: 12 }
] as const

/** Per call to an agent. */
export const calls = { requestLost: 0.001, answerLost: 0.001, requestLate: 0.0006, duplicated: 0.002, unsure: 0.002 }

/** Per write to GitLab, and per read. */
export const gitlab = { refused: 0.01, errorBefore: 0.004, errorAfter: 0.004, lostBefore: 0.006, lostAfter: 0.006, landsLate: 0.01, partly: 0.003, readError: 0.002, readLimited: 0.001 }

/** Per append or lease call. */
export const store = { away: 0.0004, unanswered: 0.0004, slow: 0.002 }

/** Per append, and per write of an agent's state: the process dies, before or after it is stored. */
export const crashes = { coordinatorAtWrite: 0.0008, agentAtWrite: 0.002 }

/** Per node. */
export const nodes = {
  veto: 0.015, upgradeFails: 0.006, upgradeRestartsGitaly: 0.004, upgradeStopsGitaly: 0.003, slowBoot: 0.03, neverBack: 0.006, startupError: 0.01, noGitaly: 0.005,
  bootsAgain: 0.005, wrongKernel: 0.004, storageChanged: 0.004, relapse: 0.012, firingVeto: 0.006, noReport: 0.05,
  crashesPreparing: 0.008, crashesAheadOfReboot: 0.02
}

/** Whether a window has a gate on alerts; and in those that have, per window, per node, per reading, per window. */
export const alertGate = 0.25
export const alerts = { elsewhere: 0.7, ofNode: 0.5, ofNodeDown: 0.5, readError: 0.01, readSilent: 0.005, awayForLong: 0.1 }

/** Per window: how many of these happen at random moments, on average. */
export const troubles = {
  hostReboots: 0.06, agentHangs: 0.12, agentCrashes: 0.12, gitalyRestarts: 0.04, vetoComes: 0.06, hostClockJumps: 0.06, cutOff: 0.04,
  coordinatorKilled: 0.12, coordinatorPaused: 0.08, coordinatorClockJumps: 0.05, storeAway: 0.04, glassFails: 0.02,
  gitlabDown: 0.06, weightChangedByOthers: 0.12, assignerEnabled: 0.04, pipelineRuns: 0.04, movesRun: 0.04, storePutBack: 0.06
} as const

export type Trouble = keyof typeof troubles
export type NodeFault = keyof typeof nodes

/** Per visit of the operator who has nothing to mend; takesOverInDoubt: while a write to GitLab has no answer. */
export const operator = { takesOverInDoubt: 0.2, pauses: 0.01, aborts: 0.003, skips: 0.004, freezes: 0.006, retries: 0.02, resumes: 0.01 }
