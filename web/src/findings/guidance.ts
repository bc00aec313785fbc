// What to do about a finding: first what its purpose asks for, then what its resource needs.
import type { Finding } from "@aws-sdk/client-guardduty";

const ofPurpose: Record<string, string[]> = {
  AttackSequence: [
    "Take the signals in order of time: the first one tells how they came in, the last one what they have now.",
    "Contain the actor before its effects: revoke its sessions and keys, then undo what it made.",
    "Look for keys, roles and users made during the sequence; they outlive the first one.",
  ],
  Backdoor: ["Isolate the resource from the network before looking at it; a restart loses what is in memory."],
  Behavior: ["Ask the owner whether a new version or partner explains the new traffic or call."],
  CredentialAccess: ["Treat what was read (secrets, parameters, passwords) as known to others: rotate it."],
  CryptoCurrency: ["Check whether mining is your business; if not, the resource runs somebody else's code."],
  DefenseEvasion: ["Restore what was switched off first: without logs nothing after this is seen."],
  Discovery: ["Find out which calls the identity made next; looking around comes before acting."],
  Execution: ["Find out what ran and who started it, and keep its image for the inquiry."],
  Exfiltration: ["Name what data left, from where and how much; the law may ask for it."],
  Impact: ["Stop the identity first, then restore from copies that it could not reach."],
  InitialAccess: ["Find the way in (leaked key, guessed password, exposed service) and close it."],
  Object: ["Delete or quarantine the object and find out who put it there and who read it."],
  PenTest: ["Ask whether a test is announced; if not, treat it as an attack with a public tool."],
  Persistence: ["Remove what was made to stay (keys, users, policies, images) after noting it."],
  Policy: ["Decide whether the new setting is meant; if not, set it back and ask who set it."],
  PrivilegeEscalation: ["Take the gained permissions back, then ask what they were used for."],
  Recon: ["Close what is open to the Internet without need; scanning itself cannot be stopped."],
  Stealth: ["Restore the logging or the policy that was weakened; nothing after this is seen reliably."],
  Trojan: ["Isolate the resource; what calls home is already running."],
  UnauthorizedAccess: ["Confirm with the owner out of band whether they did this."],
  Custom: ["See what the author of this rule wants done: it is your organisation's own."],
};

const ofResource: Record<string, string[]> = {
  AccessKey: [
    "Deactivate the access key or revoke the role's sessions (attach AWSRevokeOlderSessions).",
    "Review what the same identity did in the hours around: the related findings below and CloudTrail.",
    "Rotate what the identity could read, and give it less than it had.",
  ],
  Instance: [
    "Move the instance to a security group without rules, and take a snapshot of its volumes.",
    "Revoke the sessions of its role: the instance's credentials may be elsewhere by now.",
    "Replace it from a known image rather than clean it.",
  ],
  S3Bucket: [
    "Switch Block Public Access on, unless the bucket is meant to be public.",
    "Read the bucket's policy and ACL for principals that you do not know.",
    "Restore from versions, and ask which objects were read: data events tell.",
  ],
  EKSCluster: [
    "Revoke the cluster user's access (its RBAC bindings or its IAM role's mapping).",
    "Isolate the pod by a network policy and cordon its node; keep both for the inquiry.",
    "Look for bindings, service accounts and workloads that the user made.",
  ],
  Lambda: [
    "Set the function's reserved concurrency to 0, which stops it without losing it.",
    "Compare its code and layers with what was deployed, and rotate its role's permissions.",
  ],
  RDSDBInstance: [
    "Close the database to the Internet and change the user's password.",
    "Ask what the session read; where there is an audit plug-in, its log tells.",
  ],
  Container: ["Stop the task or pod after taking its image, and find out where the image came from."],
  ECSCluster: ["Stop the task after taking its image, and revoke the sessions of its task role."],
  AttackSequence: ["Open each resource of the sequence below and contain it by its kind."],
};

export function stepsFor(finding: Finding): string[] {
  const purpose = finding.Type?.split(":")[0] ?? "";
  return [
    ...(ofPurpose[purpose] ?? []),
    ...(ofResource[finding.Resource?.ResourceType ?? ""] ?? []),
    "When it is explained and harmless: archive it, say so with the feedback, and suppress only what is as narrow as the explanation.",
  ];
}

// ATT&CK tactics by id, as findings name them.
export const tactics: Record<string, string> = {
  TA0001: "Initial Access",
  TA0002: "Execution",
  TA0003: "Persistence",
  TA0004: "Privilege Escalation",
  TA0005: "Defense Evasion",
  TA0006: "Credential Access",
  TA0007: "Discovery",
  TA0008: "Lateral Movement",
  TA0009: "Collection",
  TA0010: "Exfiltration",
  TA0011: "Command and Control",
  TA0040: "Impact",
  TA0042: "Resource Development",
  TA0043: "Reconnaissance",
};
