// Will systemd start Gitaly's unit at the next boot? The words of `systemctl is-enabled`, of systemd 249 to 257. Pure.

/** @returns why not; undefined = it will. @param text what was printed, on both streams. */
export function unitObstacle(unit: string, text: string): string | undefined {
  const word = text.trim().split('\n')[0]?.trim() ?? ''
  switch (word) {
    // static, indirect and generated units are started by what wants them.
    case 'enabled': case 'static': case 'alias': case 'indirect': case 'generated': return undefined
    case 'enabled-runtime': case 'linked-runtime': return `${unit} is ${word}: that is gone after the boot; systemctl enable ${unit}`
    case 'masked': case 'masked-runtime': return `${unit} is ${word}: systemctl unmask ${unit}`
    case 'disabled': case 'linked': return `${unit} is ${word}: systemctl enable ${unit}`
    case 'not-found': return `${unit} does not exist`
    default: return /No such file or directory/.test(text) ? `${unit} does not exist` : `whether ${unit} is enabled is not understood: ${text.trim().slice(0, 200) || '(no answer)'}`
  }
}
