"""EKS audit logs: the control plane's own chatter, controllers, deployments, people with kubectl, and abuse.

A row is (time, account id, line of a CloudWatch export).
"""
import json
import random

import places
import records
from records import DAY, HOUR, DOMAIN, iso, stable_id, uuid

SPACES = ["shop", "payments", "search", "monitoring", "argocd", "batch"]
KUBECTL = ["kubectl/v1.33.1 (darwin/arm64) kubernetes/8adc0f0", "kubectl/v1.32.5 (linux/amd64) kubernetes/9894294", "kubectl/v1.33.1 (linux/amd64) kubernetes/8adc0f0"]


def has_cluster(account):
    return account.kind in ("prod", "staging", "data")


def user(name, groups, arn=None, session=None, account=None, key=None):
    made = {"username": name, "uid": stable_id(name, 32), "groups": [*groups, "system:authenticated"]}
    if arn:
        made["uid"] = f"aws-iam-authenticator:{account}:{stable_id(arn, 20).upper()}"
        made["extra"] = {"accessKeyId": [key or records.session_key(f"k8s/{arn}/{session}")], "arn": [arn], "canonicalArn": [arn.replace(":sts:", ":iam:").replace("assumed-role", "role").rsplit("/", 1)[0]],
                         "principalId": [stable_id(arn, 20).upper()], "sessionName": [session]}
    return made


def service_account(space, name):
    return user(f"system:serviceaccount:{space}:{name}", ["system:serviceaccounts", f"system:serviceaccounts:{space}"])


def event(rng, t, account, who, verb, uri, source, agent, ref=None, code=200, body=None, reason="", stages=("ResponseComplete",)):
    ident, rows = uuid(rng), []
    if ref and ref.get("subresource") in ("exec", "attach", "portforward", "proxy", "log") and code < 400:  # long-running requests to an API server
        stages = ("ResponseStarted", "ResponseComplete")
    for stage in stages:
        at = t + (0.02 if stage == "ResponseComplete" else 0.004)
        stamp = lambda when: iso(int(when))[:-1] + f".{int(when * 1e6) % 10**6:06d}Z"
        made = {"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse" if body else "Metadata", "auditID": ident, "stage": stage, "requestURI": uri, "verb": verb,
                "user": who, "sourceIPs": [source], "userAgent": agent}
        if ref:
            made["objectRef"] = {"apiVersion": "v1", **ref}
        made["responseStatus"] = {"metadata": {}, "code": code} | ({"status": "Failure", "reason": "Forbidden", "message": f'forbidden: User "{who["username"]}" cannot {verb}'} if code == 403 else {})
        if body:
            made["requestObject"] = body
        made |= {"requestReceivedTimestamp": stamp(t), "stageTimestamp": stamp(at),
                 "annotations": {"authorization.k8s.io/decision": "forbid" if code == 403 else "allow", "authorization.k8s.io/reason": reason}}
        rows.append((at, account.id, f"{made['stageTimestamp'][:23]}Z {json.dumps(made, separators=(',', ':'))}"))
    return rows


def pod_name(rng, base):
    return f"{base}-{stable_id(base, 9, 'bcdfghjklmnpqrstvwxz24567')}-{''.join(rng.choices('bcdfghjklmnpqrstvwxz24567', k=5))}"


def workload(name, image, **more):
    return {"apiVersion": "apps/v1", "metadata": {"name": name}, "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": name, "image": image, "resources": {}, **more.pop("container", {})}], **more}}}}


class AuditDay:
    def __init__(self, org, day, rate):
        self.org, self.day, self.rate, self.start, self.out = org, day, rate, org.start + day * DAY, []

    def make(self):
        for account in filter(has_cluster, self.org.accounts):
            rng = random.Random(f"{self.org.seed}/{self.day}/audit/{account.number}")
            for hour in range(24):
                self.hour(rng, account, hour)
            self.deployments(rng, account)
            self.people(rng, account)
        return self.out

    def put(self, *args, **more):
        self.out += event(*args, **more)

    def hour(self, rng, account, hour):
        begin, rate = self.start + hour * HOUR, self.rate
        at = lambda: begin + rng.random() * (HOUR - 1)
        nodes = [i for i in account.instances if i.group.role == "eks-node" and i.since < begin and i.until > begin + HOUR]
        lease = lambda name, space="kube-system": (f"/apis/coordination.k8s.io/v1/namespaces/{space}/leases/{name}", {"resource": "leases", "namespace": space, "name": name, "apiGroup": "coordination.k8s.io"})
        for part in ("kube-controller-manager", "kube-scheduler"):
            for _ in range(int(4 * rate)):
                uri, ref = lease(part)
                self.put(rng, at(), account, user(f"system:{part}", []), "update", uri, "10.0.100.9", f"{part}/v1.33.1 (linux/amd64)", ref)
        for node in nodes:
            name = f"ip-{node.private.replace('.', '-')}.{account.region}.compute.internal"
            who = user(f"system:node:{name}", ["system:bootstrappers", "system:nodes"], f"arn:aws:sts::{account.id}:assumed-role/eks-node/{node.id}", node.id, account.id)
            for _ in range(int(2 * rate) or 1):
                uri, ref = lease(name, "kube-node-lease")
                self.put(rng, at(), account, who, "update", uri, node.private, "kubelet/v1.33.1 (linux/amd64) kubernetes/8adc0f0", ref)
            self.put(rng, at(), account, who, "patch", f"/api/v1/nodes/{name}/status?timeout=10s", node.private, "kubelet/v1.33.1 (linux/amd64) kubernetes/8adc0f0", {"resource": "nodes", "name": name, "subresource": "status"})
            if rng.random() < 0.3:
                space = rng.choice(SPACES)
                self.put(rng, at(), account, who, "create", f"/api/v1/namespaces/{space}/serviceaccounts/{space}/token", node.private, "kubelet/v1.33.1 (linux/amd64) kubernetes/8adc0f0",
                         {"resource": "serviceaccounts", "namespace": space, "name": space, "subresource": "token"}, 201)
        where = rng.choice(nodes).private if nodes else "10.0.100.20"
        for space, name, verb, resource, count in (("kube-system", "coredns", "watch", "endpointslices", 2), ("kube-system", "aws-node", "list", "pods", 2), ("argocd", "argocd-application-controller", "list", "deployments", 4),
                                                   ("monitoring", "prometheus", "list", "pods", 3), ("kube-system", "external-secrets", "get", "secrets", 3), ("kube-system", "cert-manager", "get", "secrets", 1),
                                                   ("kube-system", "horizontal-pod-autoscaler", "list", "pods", 2), ("kube-system", "generic-garbage-collector", "delete", "replicasets", 1), ("kube-system", "cronjob-controller", "create", "jobs", 1)):
            for _ in range(int(count * rate + rng.random())):
                target = rng.choice(SPACES)
                self.put(rng, at(), account, service_account(space, name), verb, f"/api/v1/namespaces/{target}/{resource}", where, f"{name}/v2 (linux/amd64)", {"resource": resource, "namespace": target},
                         201 if verb == "create" else 200)
        anonymous = {"username": "system:anonymous", "groups": ["system:unauthenticated"]}
        self.put(rng, at(), account, anonymous, "get", rng.choice(("/livez", "/readyz", "/healthz")), "10.0.100.9", "ELB-HealthChecker/2.0",
                 reason='RBAC: allowed by ClusterRoleBinding "system:public-info-viewer" of ClusterRole "system:public-info-viewer" to Group "system:unauthenticated"')
        if rng.random() < 0.1:
            self.put(rng, at(), account, anonymous, "get", rng.choice(("/", "/api/v1/pods", "/.env")), places.place(rng, "hosting").address(rng), "Mozilla/5.0 zgrab/0.x", code=403)

    def ci(self, account):
        return user("ci-deploy", ["deployers"], f"arn:aws:sts::{account.id}:assumed-role/ci-deploy/GitHubActions", "GitHubActions", account.id)

    def deployments(self, rng, account):
        runs = {"staging": 5, "prod": 3, "data": 2}[account.kind] * (0.15 if self.day % 7 >= 5 else 2 if self.day % 7 == 3 else 1)
        for _ in range(int(runs + rng.random())):
            t, ip, who = self.start + int(min(max(rng.gauss(13, 3), 6), 22) * HOUR), places.BY_PREFIX["20.160.0.0/12"].address(rng), self.ci(account)
            space, name = rng.choice(SPACES[:3]), rng.choice(account.services)
            path, ref = f"/apis/apps/v1/namespaces/{space}/deployments/{name}", {"resource": "deployments", "namespace": space, "name": name, "apiGroup": "apps"}
            self.put(rng, t, account, who, "get", path, ip, "Helm/3.18.2", ref)
            self.put(rng, t + 1, account, who, "list", f"/api/v1/namespaces/{space}/secrets?labelSelector=owner%3Dhelm", ip, "Helm/3.18.2", {"resource": "secrets", "namespace": space})
            self.put(rng, t + 2, account, who, "create", f"/api/v1/namespaces/{space}/secrets", ip, "Helm/3.18.2", {"resource": "secrets", "namespace": space, "name": f"sh.helm.release.v1.{name}.v{self.day}"}, 201)
            self.put(rng, t + 4, account, who, "patch", path, ip, "Helm/3.18.2", ref, body=workload(name, f"{account.id}.dkr.ecr.{account.region}.amazonaws.com/{name}:{rng.getrandbits(28):07x}"))
            for n in range(3):
                self.put(rng, t + 9 + 10 * n, account, who, "get", path, ip, "Helm/3.18.2", ref)
            if rng.random() < 0.05:  # a new service: accounts and rights of its own
                new = f"{name}-{rng.randrange(100)}"
                self.put(rng, t + 50, account, who, "create", f"/api/v1/namespaces/{space}/serviceaccounts", ip, "Helm/3.18.2", {"resource": "serviceaccounts", "namespace": space, "name": new}, 201)
                self.put(rng, t + 51, account, who, "create", f"/apis/rbac.authorization.k8s.io/v1/namespaces/{space}/rolebindings", ip, "Helm/3.18.2",
                         {"resource": "rolebindings", "namespace": space, "name": new, "apiGroup": "rbac.authorization.k8s.io"}, 201,
                         binding("RoleBinding", new, "Role", "reader", {"kind": "ServiceAccount", "name": new, "namespace": space}))
                self.put(rng, t + 53, account, who, "create", f"/apis/apps/v1/namespaces/{space}/deployments", ip, "Helm/3.18.2", ref | {"name": new}, 201, workload(new, f"{account.id}.dkr.ecr.{account.region}.amazonaws.com/{new}:1"))
        if self.day % 14 == 4:  # upgrade of add-ons: node agents are privileged and mount the host, as they must
            t, who = self.start + 11 * HOUR, service_account("argocd", "argocd-application-controller")
            for name in ("aws-node", "node-exporter", "fluent-bit"):
                space = "kube-system" if name == "aws-node" else "monitoring"
                self.put(rng, t, account, who, "patch", f"/apis/apps/v1/namespaces/{space}/daemonsets/{name}", "10.0.101.7", "argocd-application-controller/v2 (linux/amd64)",
                         {"resource": "daemonsets", "namespace": space, "name": name, "apiGroup": "apps"}, 200,
                         workload(name, f"public.ecr.aws/eks/{name}:v{self.day}", container={"securityContext": {"privileged": name == "aws-node"}}, volumes=[{"name": "root", "hostPath": {"path": "/var/log"}}]))

    def people(self, rng, account):
        from activity import Day
        address = Day(self.org, self.day)
        for person in self.org.people:
            if account not in person.accounts or person.persona not in ("dev", "admin", "data", "support") or not person.at(self.day):
                continue
            mine = random.Random(f"{self.org.seed}/kubectl/{person.number}/{account.number}")
            often = mine.choice([0, 0, 0.1, 0.5, 1.5]) * (0.08 if self.day % 7 >= 5 else 1) * {"admin": 1.3, "dev": 1}.get(person.persona, 0.4)
            for _ in range(int(often + rng.random())):
                t = self.start + int(min(max(rng.gauss(13, 2.5) + person.offset, 5), 22) * HOUR)
                self.kubectl(rng, t, account, person, address.address(person, t, rng), mine.choice(KUBECTL))

    def identity(self, account, person):
        permissions = person.sets[account.kind]
        name = f"AWSReservedSSO_{permissions}_{stable_id(account.id + permissions, 16)}"
        group = {"PlatformAdmin": "platform-admins", "Developer": "developers", "DataScientist": "data"}.get(permissions, "viewers")
        return user(group.removesuffix("s"), [group], f"arn:aws:sts::{account.id}:assumed-role/{name}/{person.name}@{DOMAIN}", f"{person.name}@{DOMAIN}", account.id), group

    def kubectl(self, rng, t, account, person, ip, agent):
        who, group = self.identity(account, person)
        for _ in range(rng.randrange(1, 7)):
            space = rng.choice(SPACES[:3] if group != "platform-admins" else SPACES + ["kube-system"])
            name = rng.choice(account.services)
            pod = pod_name(rng, name)
            x = rng.random()
            allowed = group in ("platform-admins", "developers", "data")
            if x < 0.5:
                resource = rng.choice(("pods", "pods", "deployments", "events", "services", "configmaps", "nodes", "ingresses", "jobs"))
                self.put(rng, t, account, who, "list", f"/api/v1/namespaces/{space}/{resource}?limit=500", ip, agent, {"resource": resource, "namespace": space})
            elif x < 0.75:
                self.put(rng, t, account, who, "get", f"/api/v1/namespaces/{space}/pods/{pod}/log?tailLines=100", ip, agent, {"resource": "pods", "namespace": space, "name": pod, "subresource": "log"})
            elif x < 0.82 and space != "kube-system":
                self.put(rng, t, account, who, "get", f"/api/v1/namespaces/{space}/pods/{pod}/exec?command=sh&stdin=true&tty=true", ip, agent, {"resource": "pods", "namespace": space, "name": pod, "subresource": "exec"},
                         101 if allowed else 403)
            elif x < 0.87:
                self.put(rng, t, account, who, "create", f"/api/v1/namespaces/{space}/pods/{pod}/portforward", ip, agent, {"resource": "pods", "namespace": space, "name": pod, "subresource": "portforward"}, 101 if allowed else 403)
            elif x < 0.91:
                self.put(rng, t, account, who, "delete", f"/api/v1/namespaces/{space}/pods/{pod}", ip, agent, {"resource": "pods", "namespace": space, "name": pod}, 200 if allowed else 403)
            elif x < 0.94:
                self.put(rng, t, account, who, "create", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", ip, agent, {"resource": "selfsubjectaccessreviews", "apiGroup": "authorization.k8s.io"}, 201)
            elif x < 0.97 and group == "platform-admins":
                self.put(rng, t, account, who, "get", f"/api/v1/namespaces/{space}/secrets/{name}", ip, agent, {"resource": "secrets", "namespace": space, "name": name})
            elif group == "platform-admins":
                self.put(rng, t, account, who, "patch", f"/apis/apps/v1/namespaces/{space}/deployments/{name}/scale", ip, agent, {"resource": "deployments", "namespace": space, "name": name, "subresource": "scale", "apiGroup": "apps"})
            t += rng.expovariate(1 / 30)


def binding(kind, name, role_kind, role, subject):
    return {"kind": kind, "apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": name}, "subjects": [subject], "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role_kind, "name": role}}


# ---- abuse: functions (rng, account, who, ip, agent, t) -> (rows, expected types)

def _pods(space, name, spec):
    return f"/api/v1/namespaces/{space}/pods", {"resource": "pods", "namespace": space, "name": name}, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def dump_secrets(rng, account, who, ip, agent, t):
    return event(rng, t, account, who, "list", "/api/v1/secrets?limit=500", ip, agent, {"resource": "secrets"}), ["CredentialAccess:Kubernetes/AnomalousBehavior.SecretsAccessed", "CredentialAccess:Kubernetes/ClusterSecretsListed"]


def read_secrets(rng, account, who, ip, agent, t):
    rows = []
    for n in range(rng.randrange(3, 12)):
        space, name = rng.choice(SPACES), rng.choice(account.services) + "-db"
        rows += event(rng, t + 4 * n, account, who, "get", f"/api/v1/namespaces/{space}/secrets/{name}", ip, agent, {"resource": "secrets", "namespace": space, "name": name})
    return rows, ["CredentialAccess:Kubernetes/AnomalousBehavior.SecretsAccessed"]


def shell(rng, account, who, ip, agent, t):
    rows = []
    for n in range(rng.randrange(1, 4)):
        space, pod = rng.choice(SPACES), pod_name(rng, rng.choice(account.services))
        rows += event(rng, t + 60 * n, account, who, "get", f"/api/v1/namespaces/{space}/pods/{pod}/exec?command=cat&command=%2Fvar%2Frun%2Fsecrets%2Fkubernetes.io%2Fserviceaccount%2Ftoken", ip, agent,
                      {"resource": "pods", "namespace": space, "name": pod, "subresource": "exec"}, 101)
    return rows, ["Execution:Kubernetes/AnomalousBehavior.ExecInPod"]


def privileged(rng, account, who, ip, agent, t):
    uri, ref, body = _pods(rng.choice(SPACES), "debug", {"containers": [{"name": "c", "image": "docker.io/library/alpine:3", "securityContext": {"privileged": True}}], "hostPID": True})
    return event(rng, t, account, who, "create", uri, ip, agent, ref, 201, body), ["PrivilegeEscalation:Kubernetes/AnomalousBehavior.WorkloadDeployed!PrivilegedContainer"]


def mounted(rng, account, who, ip, agent, t):
    uri, ref, body = _pods(rng.choice(SPACES), "node-shell", {"containers": [{"name": "c", "image": "docker.io/library/busybox", "volumeMounts": [{"name": "h", "mountPath": "/host"}]}], "volumes": [{"name": "h", "hostPath": {"path": "/"}}]})
    return event(rng, t, account, who, "create", uri, ip, agent, ref, 201, body), ["Persistence:Kubernetes/AnomalousBehavior.WorkloadDeployed!ContainerWithSensitiveMount"]


def miner(rng, account, who, ip, agent, t):
    space = rng.choice(["default", "kube-system", *SPACES])
    return event(rng, t, account, who, "create", f"/apis/apps/v1/namespaces/{space}/daemonsets", ip, agent, {"resource": "daemonsets", "namespace": space, "name": "kube-sync", "apiGroup": "apps"}, 201,
                 workload("kube-sync", f"docker.io/{''.join(rng.choices('abcdefgh', k=7))}/sync:latest")), ["Execution:Kubernetes/AnomalousBehavior.WorkloadDeployed"]


def admin_role(rng, account, who, ip, agent, t):
    base = "/apis/rbac.authorization.k8s.io/v1/"
    group = {"apiGroup": "rbac.authorization.k8s.io"}
    rows = event(rng, t, account, who, "create", base + "clusterroles", ip, agent, {"resource": "clusterroles", "name": "sync-admin", **group}, 201,
                 {"kind": "ClusterRole", "metadata": {"name": "sync-admin"}, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]})
    rows += event(rng, t + 2, account, who, "create", "/api/v1/namespaces/kube-system/serviceaccounts", ip, agent, {"resource": "serviceaccounts", "namespace": "kube-system", "name": "sync"}, 201)
    rows += event(rng, t + 4, account, who, "create", base + "clusterrolebindings", ip, agent, {"resource": "clusterrolebindings", "name": "sync-admin", **group}, 201,
                  binding("ClusterRoleBinding", "sync-admin", "ClusterRole", "sync-admin", {"kind": "ServiceAccount", "name": "sync", "namespace": "kube-system"}))
    return rows, ["PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleCreated", "PrivilegeEscalation:Kubernetes/AnomalousBehavior.RoleBindingCreated"]


def rights(rng, account, who, ip, agent, t):
    rows = []
    for n in range(rng.randrange(8, 30)):
        rows += event(rng, t + n, account, who, "create", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", ip, agent, {"resource": "selfsubjectaccessreviews", "apiGroup": "authorization.k8s.io"}, 201)
    rows += event(rng, t + 40, account, who, "create", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", ip, agent, {"resource": "selfsubjectrulesreviews", "apiGroup": "authorization.k8s.io"}, 201)
    return rows, ["Discovery:Kubernetes/AnomalousBehavior.PermissionChecked"]


def token(rng, account, who, ip, agent, t):
    return event(rng, t, account, who, "create", "/api/v1/namespaces/kube-system/serviceaccounts/clusterrole-aggregation-controller/token", ip, agent,
                 {"resource": "serviceaccounts", "namespace": "kube-system", "name": "clusterrole-aggregation-controller", "subresource": "token"}, 201), ["CredentialAccess:Kubernetes/SystemTokenIssued"]


def node_proxy(rng, account, who, ip, agent, t):
    node = f"ip-10-{account.net}-20-9.{account.region}.compute.internal"
    return event(rng, t, account, who, "get", f"/api/v1/nodes/{node}/proxy/runningpods/", ip, agent, {"resource": "nodes", "name": node, "subresource": "proxy"}), ["Execution:Kubernetes/NodeProxyUsed"]


ABUSE = {"secrets dumped": dump_secrets, "secrets read": read_secrets, "shells in pods": shell, "privileged pod": privileged, "pod with the host's files": mounted, "miner deployed": miner,
         "administrator role": admin_role, "rights looked up": rights, "system token": token, "node proxy": node_proxy}
