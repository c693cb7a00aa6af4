// How an instant is written for people, everywhere the same: "2026-11-23 22:00:00Z". What machines read stays epoch ms or ISO 8601. Pure.

/** @param at epoch ms. */
export const formatInstant = (at: number): string => new Date(at).toISOString().replace('T', ' ').replace(/\.\d{3}Z$/, 'Z')
