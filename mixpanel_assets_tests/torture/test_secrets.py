"""A secret is where its owner put it, and in the requests to Mixpanel; nowhere else."""

import base64
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import httpx

from mixpanel_assets.simulator.project import Project
from mixpanel_assets.simulator.server import Simulator
from mixpanel_assets_tests.conftest import DAY, Tries, event
from mixpanel_assets_tests.torture.conftest import Figures

USER = "ann.the.service-account"
DAYS = ("--from", str(DAY), "--to", str(DAY))
LAND = ("materialize", "events", *DAYS)
TRACEBACK = """
import mixpanel_assets as mp
workspace = mp.Workspace()
print(workspace, workspace.api, workspace.api.credentials, vars(workspace.api.credentials))
print(mp.Workspace().settings, workspace.api._http.headers)
raise RuntimeError(workspace.api.credentials, workspace.api)
"""


@dataclass
class Person:
    """Somebody with a home, one way to say a secret, and a Mixpanel of their own."""

    home: Path
    secret: str
    variables: dict[str, str]
    project: Project
    in_file: bool = False
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def environment(self, url: str, **more: str) -> dict[str, str]:
        known = {"MP_HOME": str(self.home), "HOME": str(self.home.parent), "MP_BASE_URL": url}
        return {**os.environ, **known, **self.variables, **more}

    def run(self, arguments: tuple[str, ...], *faults: str, **more: str) -> int:
        """`mp`, or a program, against a Mixpanel with these faults."""
        with self.mixpanel(*faults) as simulator:
            done = subprocess.run(
                command(arguments),
                env=self.environment(simulator.url, **more),
                cwd=self.home.parent,
                capture_output=True,
                text=True,
            )
        self.said += [done.stdout, done.stderr]
        return done.returncode

    @contextmanager
    def mixpanel(self, *faults: str) -> Iterator[Simulator]:
        with Simulator(project=self.project, faults=faults, retry_after=0) as simulator:
            simulator.store.set_day(DAY, [event("Open"), event("Buy", plan="pro")])
            yield simulator
            self.asked += [f"{one.path} {one.params}" for one in simulator.requests]

    @property
    def core(self) -> str:
        """What is left of the secret as it is however it is escaped."""
        return self.secret.partition("/")[0]

    def traces(self) -> list[bytes]:
        """What the secret is known by: its core, and base64 as in Basic or at any offset."""
        pairs = [f"{USER}:{self.secret}", f"{self.secret}:", f" {self.secret}", f"  {self.secret}"]
        coded = [base64.b64encode(pair.encode()) for pair in pairs]
        return [self.core.encode(), *(code.strip(b"=")[4:-4] for code in coded)]


def command(arguments: tuple[str, ...]) -> list[str]:
    program = ("-c", TRACEBACK) if arguments == ("traceback",) else ("-m", "mixpanel_assets")
    return [sys.executable, *program, *(() if arguments == ("traceback",) else arguments)]


def people(folder: Path) -> dict[str, Person]:
    """One for each way to say a secret; each has another one."""
    found = {}
    for kind in ("environment", "file", "legacy", "token"):
        secret = f"s3cr3t-{kind}-4711" + ("" if kind == "token" else '/+&=\u00fc"x')
        project = Project(username=USER, secret=secret, api_secret=secret, oauth_token=secret)
        (folder / kind).mkdir()
        known = {"MP_PROJECT_ID": project.project_id}
        variables = {
            "environment": {"MP_USERNAME": USER, "MP_SECRET": secret, **known},
            "file": {},
            "legacy": {"MP_PROJECT_SECRET": secret, **known},
            "token": {"MP_OAUTH_TOKEN": secret, **known},
        }[kind]
        found[kind] = Person(folder / kind / "home", secret, variables, project, kind == "file")
    return found


QUICK = [
    (LAND, ()),
    (("--verbose", *LAND), ("401@*",)),
]
LONG = [
    *QUICK,
    (("traceback",), ()),
    (("--verbose", *LAND), ()),
    (LAND, ("500@*",)),
    (("--verbose", *LAND), ("truncated-gzip@*",)),
    (LAND, ("reset@*",)),
    (LAND, ("403@*",)),
    (("materialize", "profiles"), ()),
    (("materialize", "catalog"), ()),
    (("fetch", "events", "pulled", *DAYS), ()),
    (("fetch", "profiles", "--stdout"), ()),
    (("query", "segmentation", "-e", "Open", *DAYS), ()),
    (("--verbose", "query", "funnel", "1", *DAYS), ()),
    (("query", "jql", "nope"), ()),
    (("inspect", "events"), ()),
    (("inspect", "properties", "-e", "Open"), ()),
    (("inspect", "info"), ()),
    (("status",), ()),
    (("limits",), ()),
    (("doctor",), ()),
    (("--verbose", "doctor"), ("401@*",)),
    (("auth", "add", "shop", "-u", "x", "-p", "1"), ()),
    (("auth", "list"), ()),
    (("auth", "show"), ()),
    (("auth", "test"), ()),
    (("--verbose", "sql", "selec"), ()),
    (("spec",), ()),
    (("rebuild", "events"), ()),
]


def live(person: Person, scenes: list[tuple[tuple[str, ...], tuple[str, ...]]]) -> int:
    """The person does all of it; how often it went well."""
    if person.in_file:
        add = ("auth", "add", "shop", "-u", USER, "-p", person.project.project_id)
        assert person.run(add, MP_SECRET=person.secret) == 0
    return sum(person.run(arguments, *faults) == 0 for arguments, faults in scenes)


def crash(person: Person) -> None:
    """A landing is killed while Mixpanel keeps it waiting, and another has no network."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = subprocess.Popen(
            command(LAND),
            env=person.environment(url),
            cwd=person.home.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        connection, _ = silent.accept()
        with connection:
            assert b"uthorization" in connection.recv(1 << 16)
            process.kill()
            person.said += process.communicate()
    person.run(LAND, MP_BASE_URL=url)
    person.run(LAND)


def develop(person: Person) -> None:
    """The UI and its daemon run, and land a day that they are handed."""
    with person.mixpanel() as mixpanel, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        environment = person.environment(mixpanel.url)
        free.close()
        process = subprocess.Popen(
            command(("dev", "--port", str(port))),
            env=environment,
            cwd=person.home.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            runs = "{runsOrError {... on Runs {results {status}}}}"
            told(process, port, "{version}", lambda answer: "version" in answer)
            detach = ("materialize", "events", "--from", "2024-01-05", "--to", "2024-01-05")
            done = subprocess.run(
                command((*detach, "--detach")),
                env=environment,
                cwd=person.home.parent,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
            told(
                process, port, runs, lambda answer: "STARTED" not in answer and "SUCCESS" in answer
            )
            person.said += [done.stdout, done.stderr]
        finally:
            process.send_signal(signal.SIGINT)
            person.said.append(process.communicate(timeout=60)[0])


def told(
    process: subprocess.Popen[str], port: int, query: str, enough: Callable[[str], bool]
) -> None:
    for _ in range(600):
        with suppress(httpx.TransportError):
            url = f"http://127.0.0.1:{port}/graphql"
            if enough(httpx.post(url, json={"query": query}, timeout=60).text):
                return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.3)
            break
    raise AssertionError("the UI did not say so")


@contextmanager
def watched_arguments() -> Iterator[set[bytes]]:
    """The command lines of all processes of this machine, looked at again and again."""
    seen: set[bytes] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    seen.add(file.read_bytes())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def holders(person: Person, seen: set[bytes]) -> list[str]:
    """Where a trace of the secret is, besides the file of accounts."""
    found = []
    for file in sorted(person.home.parent.rglob("*")):
        if file.is_file() and file.name != "config.toml":
            texts = [file.read_bytes()]
            if file.suffix == ".gz":
                texts.append(gzip.decompress(texts[0]))
            found += [str(file)] * any(t in text for text in texts for t in person.traces())
    for name, said in {"output": person.said, "request": person.asked}.items():
        found += [name] * any(t in text.encode() for text in said for t in person.traces())
    found += ["arguments"] * any(t in line for line in seen for t in person.traces())
    return found


def test_a_secret_that_was_left_somewhere_would_be_found(tmp_path: Path) -> None:
    person = people(tmp_path)["file"]
    pair = base64.b64encode(f"{USER}:{person.secret}".encode())
    person.home.mkdir()
    assert holders(person, set()) == []
    texts = [person.secret.encode(), json.dumps(person.secret).encode(), pair]
    texts.append(quote(person.secret).encode())
    for number, text in enumerate(texts):
        (person.home / f"{number}.sqlite").write_bytes(b"x" + text + b"x")
    (person.home / "5.jsonl.gz").write_bytes(gzip.compress(pair))
    (person.home / "config.toml").write_bytes(texts[0])
    person.said, person.asked = [f"Basic {pair.decode()}"], [f"/x?a={quote(person.secret)}"]
    found = holders(person, {b"mp\0--secret\0" + texts[0]})
    assert len(found) == len(texts) + 4


def test_no_secret_is_in_a_file_an_output_an_argument_or_a_url(
    tmp_path: Path, tries: Tries, figures: Figures
) -> None:
    long = tries(0, 1)
    everybody = people(tmp_path)
    if not long:
        everybody = {"file": everybody["file"]}
    scenes = LONG if long else QUICK
    with watched_arguments() as seen, ThreadPoolExecutor(2) as pool:
        well = sum(pool.map(lambda person: live(person, scenes), everybody.values()))
        if long:
            list(pool.map(crash, everybody.values()))
            list(pool.map(develop, [everybody["environment"], everybody["file"]]))
    assert len(seen) > 2
    assert [found for person in everybody.values() for found in holders(person, seen)] == []
    for person in everybody.values():
        if person.in_file:
            kept = tomllib.loads((person.home / "config.toml").read_text("utf-8"))
            assert kept["accounts"]["shop"]["secret"] == person.secret
        assert any("events" in text or "export" in text for text in person.asked)
    files = sum(file.is_file() for file in tmp_path.rglob("*"))
    commands = sum(len(person.said) // 2 for person in everybody.values())
    figures(
        "No secret is in a file, an output, an argument or a URL",
        commands,
        f"{well} went well and the others failed as meant, {files:,} files, "
        f"{len(seen):,} command lines, no trace",
    )
