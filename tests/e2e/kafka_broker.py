"""A real Apache Kafka for tests: one process in KRaft mode, its jars fetched by Maven once (broker/pom.xml).

Maven takes them from where its settings say. Java 17 and Maven are Debian's openjdk-17-jre-headless and maven.
"""
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

from harness import fail

HERE = pathlib.Path(__file__).resolve().parent / "broker"
JARS = HERE / "jars"
USER, PASSWORD = "picket", "pass word"
ATTEMPTS = 3  # at what the network or a broker that has just come back may refuse
CLUSTER_ID = "x2mQ4X7eTnC1J1n0v6N1Pw"


def require():
    """Loud: in CI the parts can be installed, so that there it is a failure that they are not."""
    missing = [tool for tool in ("java", "mvn", "openssl") if shutil.which(tool) is None]
    if not missing:
        return
    print(f"CANNOT RUN: {', '.join(missing)} not found. Install openjdk-17-jre-headless, maven and openssl "
          "(make install-deps); nothing was tested of the Kafka source.", flush=True)
    sys.exit(1 if os.environ.get("CI") else 77)


def install():
    """Does nothing when what pom.xml pins is there already."""
    require()
    stamp, pinned = JARS / "installed", (HERE / "pom.xml").read_text(encoding="utf-8")
    if stamp.exists() and stamp.read_text(encoding="utf-8") == pinned:
        return
    shutil.rmtree(JARS, ignore_errors=True)
    for _ in range(ATTEMPTS):
        done = subprocess.run(["mvn", "-q", "-B", "-f", HERE / "pom.xml", "dependency:copy-dependencies", f"-DoutputDirectory={JARS}"],
                              capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
    else:
        fail(f"Maven could not fetch Apache Kafka:\n{done.stdout}{done.stderr}")
    stamp.write_text(pinned, encoding="utf-8")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Broker:
    """Listens in plain, and with TLS and SCRAM for who reads."""

    def __init__(self, work):
        self.work = pathlib.Path(work)
        self.work.mkdir(parents=True)
        self.process = None
        plain, secure, controller = free_ports(3)
        self.plain, self.secure = f"127.0.0.1:{plain}", f"127.0.0.1:{secure}"
        self.ca = self.work / "ca.pem"
        key = self.work / "key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", self.ca], check=True, capture_output=True)
        (self.work / "server.pem").write_text(key.read_text() + self.ca.read_text())
        self.properties = self.work / "server.properties"
        self.properties.write_text(f"""
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{self.plain},SASL_SSL://{self.secure},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-256
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.type=PEM
ssl.keystore.location={self.work}/server.pem
log.dirs={self.work}/logs
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
auto.create.topics.enable=false
log.initial.task.delay.ms=1000
log.retention.check.interval.ms=1000
""")
        self._java("kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID, "--config", self.properties, "--add-scram",
                   f"SCRAM-SHA-256=[name={USER},password={PASSWORD}]")

    def _java(self, main, *arguments):
        done = subprocess.run(self._command(main, *arguments), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            fail(f"{main} ended with {done.returncode}:\n{done.stdout}{done.stderr}")

    @staticmethod
    def _command(main, *arguments):
        return ["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*", main, *map(str, arguments)]

    def start(self):
        log = open(self.work / "broker.log", "ab")
        self.process = subprocess.Popen(self._command("kafka.Kafka", self.properties), stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                fail(f"the broker ended with {self.process.returncode}:\n{(self.work / 'broker.log').read_text()[-3000:]}")
            host, port = self.plain.split(":")
            try:
                with socket.create_connection((host, int(port)), timeout=1):
                    return self
            except OSError:
                time.sleep(0.2)
        fail("the broker does not listen")

    def kill(self):
        self.process.kill()
        self.process.wait()


def source(broker, topic, password_file, name="kafka"):
    """The source's configuration, with TLS and SASL."""
    return (f'[[source]]\nurl = "kafka://{broker.secure}/{topic}"\nname = "{name}"\npassword_file = "{password_file}"\n'
            f'[source.properties]\n"security.protocol" = "SASL_SSL"\n"sasl.mechanism" = "SCRAM-SHA-256"\n"sasl.username" = "{USER}"\n'
            f'"ssl.ca.location" = "{broker.ca}"\n"reconnect.backoff.max.ms" = "1000"\n')


def create_topic(broker, topic, partitions):
    from kafka import KafkaAdminClient  # of the venv, which who installs does not run in
    from kafka.admin import NewTopic
    admin = KafkaAdminClient(bootstrap_servers=broker.plain)
    admin.create_topics([NewTopic(topic, partitions, 1)])
    admin.close()


def delete_records(broker, partition):
    """All that is in the partition. A broker that has just come back may not answer the first time."""
    from kafka import KafkaAdminClient, KafkaConsumer
    from kafka.errors import KafkaError
    for attempt in range(ATTEMPTS):
        try:
            consumer = KafkaConsumer(bootstrap_servers=broker.plain)
            admin = KafkaAdminClient(bootstrap_servers=broker.plain)
            admin.delete_records({partition: consumer.end_offsets([partition])[partition]})
            consumer.close()
            admin.close()
            return
        except KafkaError:
            if attempt + 1 == ATTEMPTS:
                raise


def send(broker, topic, messages):
    """Pairs of partition and message; all of them are there when it returns."""
    from kafka import KafkaProducer
    producer = KafkaProducer(bootstrap_servers=broker.plain, acks="all", linger_ms=20)
    sent = [producer.send(topic, value=message, key=b"key", partition=partition) for partition, message in messages]
    for one in sent:
        one.get(timeout=60)
    producer.close()
