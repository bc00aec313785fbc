"""User agents, with versions that move on as the weeks pass."""
import random


def browser(person, day, seed):
    major = 136 + (day + random.Random(f"{seed}/browser/{person}").randrange(20)) // 28
    kind = random.Random(f"{seed}/kind/{person}").random()
    if kind < 0.55:
        return (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0 "
                "Safari/537.36")
    if kind < 0.8:
        return (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0 "
                "Safari/537.36")
    return f"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:{major + 3}.0) Gecko/20100101 Firefox/{major + 3}.0"


def _minor(person, day, every, seed):
    """People update now and then, each at a time of their own."""
    return (day + random.Random(f"{seed}/update/{person}").randrange(60)) // every


def cli(person, day, seed, command):
    system = random.Random(f"{seed}/system/{person}").choice(
        ["os/macos#24.5.0 md/arch#arm64", "os/linux#6.8.0-60-generic md/arch#x86_64", "os/windows#11 md/arch#amd64",
         "os/macos#24.5.0 md/arch#arm64"])
    return (f"aws-cli/2.27.{20 + _minor(person, day, 17, seed)} md/awscrt#0.26.1 ua/2.1 {system} lang/python#3.13.3 md/pyimpl#CPython "
            f"cfg/retry-mode#standard md/installer#exe md/prompt#off md/command#{command}")


def boto(who, day, seed, extra=""):
    version = 22 + _minor(who, day, 21, seed)
    python = random.Random(f"{seed}/python/{who}").choice(["3.9.22", "3.11.12", "3.12.10", "3.13.3"])
    system = random.Random(f"{seed}/boto/{who}").choice(["os/linux#6.1.134 md/arch#x86_64", "os/linux#5.10.237 md/arch#x86_64"])
    return (f"Boto3/1.38.{version} md/Botocore#1.38.{version} ua/2.1 {system} lang/python#{python} md/pyimpl#CPython "
            f"cfg/retry-mode#legacy Botocore/1.38.{version}{extra}")


def java(who):
    return f"aws-sdk-java/2.31.{random.Random(who).randrange(9, 40)} md/io#sync md/http#Apache ua/2.1 os/Linux#6.1.134 lang/java#21.0.7"


def go(who):
    return f"aws-sdk-go-v2/1.36.{random.Random(who).randrange(1, 5)} os/linux lang/go#1.24.3 md/GOOS#linux md/GOARCH#amd64"


def node(who):
    return f"aws-sdk-js/3.8{random.Random(who).randrange(10, 30)}.0 ua/2.1 os/linux#5.10.237 lang/js md/nodejs#22.16.0"


def terraform(day):
    return (f"APN/1.0 HashiCorp/1.0 Terraform/1.12.{day // 25} (+https://www.terraform.io) terraform-provider-aws/5.{98 + day // 20}.0 "
            "(+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.36.3 os/linux lang/go#1.23.8")


def of_workload(w, day, seed):
    """SDKs tell the environment that functions and tasks are given."""
    environment = {"function": "AWS_Lambda_" + ("nodejs22.x" if w.agent else "python3.12"), "container": "AWS_ECS_FARGATE"}.get(w.kind)
    return (w.agent or boto(w.name, day, seed)) + (f" exec-env/{environment}" if environment else "")


SSM_AGENT = "aws-sdk-go/1.55.6 (go1.23.8; linux; amd64) amazon-ssm-agent/3.3.2299.0"
AGENTS_OF_ATTACKERS = [
    "Boto3/1.38.27 md/Botocore#1.38.27 ua/2.1 os/linux#6.12.25-amd64 md/arch#x86_64 lang/python#3.13.3 md/pyimpl#CPython cfg/retry-mode#legacy Botocore/1.38.27",
    "aws-cli/2.27.30 md/awscrt#0.26.1 ua/2.1 os/linux#6.12.25-amd64 md/arch#x86_64 lang/python#3.13.3 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/command#{command}",
    "aws-cli/2.15.17 Python/3.11.6 Linux/6.5.0-41-generic exe/x86_64.ubuntu.22 prompt/off command/{command}",
    "aws-sdk-go-v2/1.36.2 os/linux lang/go#1.24.1 md/GOOS#linux md/GOARCH#amd64",
    "python-requests/2.32.3",
]
