// What each role of a key or a user may do.
export const roles: Record<string, string> = {
  administrator: "everything",
  "delegated-administrator": "the same, but for naming the delegated administrator",
  responder: "reads, archives and judges",
  "read-only": "reads",
  member: "of a member account: what its administrator does not do for it",
};
