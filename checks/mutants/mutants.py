#!/usr/bin/env python3
"""Mutation testing of the core: one thing in it is changed, and the gate is the test.

    checks/mutants/mutants.py [--of KIND] [--every N] [--from I] [--jobs J] [--report FILE] [FILE…]
    checks/mutants/mutants.py --every 10 impl/src/journal/commit.rs

What is changed are values, as cargo-mutants proposes: what a function returns, an operator, an arm
of a match; and steps: one is left out, or done after the next one, or its error is swallowed, or a
guard that nobody asks anything is let go at once. --of says which kind of the two, if not both.

Each mutant is asked what a change of the core would be asked before it is merged: do the correct
protocols still hold? The scenarios come in order of what they take, each in its designs, and
exhaustively but for the few dearest, of which 500 executions by PCT are looked at; those that do
not come to the mutant are passed over. A mutant under which they hold goes on to the core's own
tests and those of its locks, and last to the recorded counterexamples of all variants. What
becomes of it:

    caught       the check of a correct protocol does not end well: an invariant is violated, the
                 harness is broken, the process is aborted or has no end; and in which scenario
    noticed      the protocols hold, but a scenario has other traces than it should, or a state that
                 must be reached is not
    tested       the gate does not tell it from the original so far, but a test of the core does
    replayed     nor do the tests, but a recorded counterexample does not reproduce
    survived     nothing does
    explained    nothing does, and survivors.toml says why
    unbuildable  the compiler refuses it

Most mutants are built together, each behind a switch (`checks/mutants/src`), and take from a
second to a minute or two; the compiler refuses some of those, which are then tried one by one,
with a build for each, unless they are of steps, or what a function returns is of a wrong type.
--every N takes each Nth of all that the files have, beginning with the Ith, so that nights or
machines share the work; --jobs tries that many at a time, one for each processor unless told.
Without files: the protocol, which is impl/src without formats, devices, invariants and mkfs; those
are held to e2fsprogs and to the kernel by `cargo test`. Installs cargo-mutants if it is not there.
Works on copies of HEAD, so that what is being edited is neither tested nor touched. They and what
is built of them, some gigabytes, are in the directory MUTANTS_DIR, which is kept, or else in a
temporary one.

The report has a line for each mutant: outcome, by what, and the mutant, with tabs between. What
has a line is not tried again, unless it survived, so a run that was killed goes on where it was.
Give it a new report when the core has changed much.
Exit codes: 0 no mutant survived without an explanation; 1 some did; 2 wrong usage, a file without
mutants, or a core that does not pass by itself.
"""

import argparse
import collections
import contextlib
import ctypes
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "checks/mutants/outcomes.tsv"
# What a file name begins with that is not the protocol.
NOT_PROTOCOL = ["device/", "disk/", "invariants/", "journal/format/", "mkfs.rs"]
# A mutant may loop, or fill the memory: in seconds, for the core itself, and how many times as long
# as that a mutant may take, and some seconds more.
PATIENCE_SECONDS = 600
PATIENCE_TIMES = 4
PATIENCE_MORE_SECONDS = 3
MEMORY_BYTES = 8 << 30
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
# The core's own tests, and those of the suite that ask more of it than the scenarios do, the
# cheapest first.
SUITE_TESTS = "locks_dpor failing_device closing allocation_fails access_races locks_loom".split()
TESTS = {
    "extfs-std": ["--lib", "--test=ways"],
    "cutpoint-suite": ["--lib", *map("--test={}".format, SUITE_TESTS)],
}
# Where a mutant is, in what cargo-mutants calls it.
POSITION = re.compile(r"(:\d+:\d+): ")
BUILDS = [
    ["cargo", "check", "--package=extfs-std"],
    ["cargo", "build", "--profile=mutants", "--package=cutpoint-gate"],
]
for package, tests in TESTS.items():
    test = ["cargo", "test", "--profile=mutants", "--no-run", f"--package={package}"]
    BUILDS.append([*test, *tests])
# Few scenarios have errors to swallow; and most steps that can be exchanged are none to others.
LATER = {"Swallow": 1, "Exchange": 2}
# What an exhaustive check may come to for a mutant; dearer ones are sampled instead.
TRACES = 5_000
SAMPLE = ["--engine=pct", "--executions=500"]


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="a file of impl/src")
    parser.add_argument("--of", choices=["values", "steps"], metavar="KIND", help="values or steps")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each Nth mutant")
    parser.add_argument("--from", type=int, default=1, metavar="I", dest="first", help="the first")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="J", help="at a time")
    parser.add_argument("--report", type=Path, default=REPORT, metavar="FILE")
    given = parser.parse_args()
    if not 1 <= given.first <= given.every:
        parser.error("--from is one of 1 to --every")
    if given.jobs < 1:
        parser.error("--jobs is at least 1")
    return given


def give_up(why):
    print(why, file=sys.stderr)
    sys.exit(2)


def mutants_of_values(copy):
    """The mutants of the whole core that cargo-mutants proposes, as it writes them."""
    # The sources are those of three packages and in none of their directories, so that paths have a
    # ".." in them, with which --file finds nothing, and which git does not apply.
    listing = ["cargo", "mutants", "--list", "--json", "--diff", "--package", "extfs-std"]
    text = copy.output(listing).replace("impl/on-std/../src/", "impl/src/")
    return json.loads(text)


def mutants_of(copy, kind, files):
    """The mutants of the files, or of the protocol, numbered."""
    values = mutants_of_values(copy)
    all_files = sorted({mutant["file"] for mutant in values})
    for file in files:
        if file not in all_files:
            give_up(f"{file} has no mutants: is it a file of the core? Name it from the root.")

    def is_wanted(file):
        inside = file.removeprefix("impl/src/")
        return file in files if files else not inside.startswith(tuple(NOT_PROTOCOL))

    steps = json.loads(copy.output([copy.program, "propose", ".", *filter(is_wanted, all_files)]))
    values = [mutant for mutant in values if is_wanted(mutant["file"])]
    wanted = {"values": values, "steps": steps, None: steps + values}[kind]
    wanted.sort(key=lambda mutant: LATER.get(mutant["genre"], 0))
    seen = collections.Counter()
    for number, mutant in enumerate(wanted, 1):
        mutant["id"] = number
        # Lines come and go above a mutant, so its name has no place in it.
        file, place, what = POSITION.split(mutant["name"], maxsplit=1)
        mutant["place"], name = f"{file}{place}", f"{file}: {what}"
        seen[name] += 1
        mutant["name"] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return wanted


def checks_of(manifest):
    """(scenario, design, arguments, traces) of the correct protocols, the cheapest first."""
    checks = []
    for name, scenario in manifest["scenario"].items():
        for design in sorted(scenario.keys() & {"im", "bh"}):
            traces = scenario[design]["traces"]
            if traces <= TRACES:
                checks.append((name, design, [], traces))
            else:
                checks.append((name, design, SAMPLE, None))
    return sorted(checks, key=lambda check: check[3] or TRACES)


def confine():
    """Limits the memory of the process that calls, and ends it with the one that started it."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Copy:
    """A copy of the project, and what is built from it."""

    def __init__(self, scratch, name):
        self.root = scratch / name
        self.worktree = ["git", "-C", str(ROOT), "worktree"]
        # One that was killed leaves its copy behind.
        if self.root.exists():
            self.remove()
        add = [*self.worktree, "add", "--quiet", "--force", "--detach", self.root, "HEAD"]
        subprocess.run(add, check=True)
        self.target = scratch / f"{name}-target"
        self.scratch = scratch / f"{name}-scratch"
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        # What the compiler would rather not build is what mutants are made of.
        flags = {"RUSTFLAGS": "--cap-lints=warn"}
        self.environment = {**os.environ, **flags, "CARGO_TARGET_DIR": str(self.target), "CI": "1"}
        with open(self.root / "checks/suite/expected.toml", "rb") as file:
            self.manifest = tomllib.load(file)
        self.checks = checks_of(self.manifest)
        # By name, where each runs and the program.
        self.tests = {}

        own = "cargo build --release --quiet --package=cutpoint-mutants".split()
        subprocess.run(own, cwd=self.root, env=self.environment, check=True)
        self.program = self.target / "release/cutpoint-mutants"

    def output(self, command, **more):
        """What a command of ours prints, which does not fail."""
        return subprocess.run(
            command, cwd=self.root, check=True, stdout=subprocess.PIPE, text=True, **more
        ).stdout

    def remove(self):
        subprocess.run([*self.worktree, "remove", "--force", self.root], check=False)

    def restore(self):
        for command in [["checkout", "--quiet", "."], ["clean", "--quiet", "--force"]]:
            subprocess.run(["git", "-C", self.root, *command], check=True)

    def patch(self, mutant):
        """Puts the mutant in the place of the original."""
        old, new, *changes = mutant["diff"].splitlines(keepends=True)
        patch = "".join([old, old.replace("---", "+++"), *changes])
        apply = ["git", "-C", self.root, "apply", "-p0"]
        subprocess.run(apply, input=patch, text=True, check=True)

    def messages(self, command):
        """Whether the compiler accepts what the command builds, and its errors if not."""
        command = [*command, "--quiet", "--message-format=json"]
        built = subprocess.run(
            command,
            cwd=self.root,
            env=self.environment,
            text=True,
            capture_output=True,
        )
        lines = [json.loads(line) for line in built.stdout.splitlines() if line.startswith("{")]
        for line in lines:
            if line.get("executable") and line["profile"]["test"]:
                directory = Path(line["manifest_path"]).parent
                self.tests[line["target"]["name"]] = (directory, line["executable"])
        said = [line["message"] for line in lines if line["reason"] == "compiler-message"]
        errors = [one for one in said if one["level"] == "error"]
        # What cargo itself refuses is nothing that the compiler says.
        return built.returncode == 0, errors or [{"spans": [], "rendered": built.stderr}]

    def is_buildable(self):
        return all(self.messages(command)[0] for command in BUILDS)

    def run(self, seconds, environment, command, directory=None):
        """The exit code, or None where it took longer than that."""
        try:
            return subprocess.run(
                command,
                cwd=directory or self.root,
                env={**self.environment, **environment},
                timeout=seconds,
                preexec_fn=confine,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ).returncode
        except subprocess.TimeoutExpired:
            return None

    def cutpoint(self, seconds, environment, flag, *command):
        """The exit code, and what the command writes about its result."""
        result = self.scratch / f"{threading.get_ident()}.json"
        result.unlink(missing_ok=True)
        command = [self.target / "mutants/cutpoint", *command, f"{flag}={result}"]
        code = self.run(seconds, environment, command)
        return code, json.loads(result.read_text()) if result.exists() else {}


class Trial:
    """Asks all checks about what is built in a copy."""

    def __init__(self, copy):
        self.copy = copy
        # By check: the mutants that it comes to, where that is known, and how long it may take.
        self.reached = {}
        self.seconds = {}

    def environment(self, _what, _number):
        return {}

    def ask(self, what, number, ask):
        """What `ask` finds with so many seconds and such an environment."""
        return ask(self.seconds.get(what, PATIENCE_SECONDS), self.environment(what, number))

    def comes_to(self, what, number):
        return what not in self.reached or number in self.reached[what]

    def fate(self, number):
        """What becomes of the mutant: the outcome, and by what."""
        noticed = []
        for scenario, design, arguments, traces in self.copy.checks:
            where = f"{scenario} {design}"
            if not self.comes_to(where, number):
                continue
            check = ["--json", "check", scenario, f"--design={design}", *arguments]
            code, found = self.ask(where, number, lambda *how: self.copy.cutpoint(*how, *check))
            if code != 0:
                why = "no end" if code is None else found.get("invariant") or found.get("why")
                why = (why or f"exit code {code}").splitlines()[0]
                return "caught", f"{why} in {where}"
            # A sample need not reach everything.
            if traces is None:
                continue
            if found["traces_distinct"] != traces:
                noticed.append(f"{found['traces_distinct']} traces in {where}")
            for state in self.copy.manifest["scenario"][scenario][design]["reaches"]:
                if not found["reached"].get(state):
                    noticed.append(f"not reached in {where}: {state}")
        if noticed:
            return "noticed", "; ".join(noticed[:3])
        for what, (directory, test) in self.copy.tests.items():
            if not self.comes_to(what, number):
                continue
            command = [test, "--quiet"]
            code = self.ask(what, number, lambda *how: self.copy.run(*how, command, directory))
            if code != 0:
                return "tested", f"{'no end in ' if code is None else ''}{what}"
        if self.comes_to("gate", number):
            gate = ["--certificate", "gate", "--only=replay/"]
            code, found = self.ask("gate", number, lambda *how: self.copy.cutpoint(*how, *gate))
            if code != 0:
                faults = found.get("certified", {}).get("faults", [f"exit code {code}"])
                return "replayed", "; ".join(faults[:3])
        return "survived", ""


class Original(Trial):
    """Of the core itself, with the mutants built into it: what to expect of them."""

    def ask(self, what, number, ask):
        file = self.copy.scratch / what.replace(" ", "-")
        start = time.monotonic()
        found = ask(PATIENCE_SECONDS, {"MUTANTS_REACHED": str(file)})
        self.seconds[what] = (time.monotonic() - start) * PATIENCE_TIMES + PATIENCE_MORE_SECONDS
        lines = file.read_text().splitlines() if file.exists() else []
        self.reached[what] = {int(line) for line in lines}
        return found


class Switched(Trial):
    """Of mutants that are built together."""

    def environment(self, _what, number):
        return {"MUTANT": str(number)}


def refused_by(errors, placed):
    """The mutants that the errors are about, and those whose own text is wrong."""
    refused, wrong = set(), set()
    for error in errors:
        # The mutant itself, or else all that are put around the smallest thing that is wrong.
        for kind in ["own", "node"]:
            about = {}
            for span in sorted(error["spans"], key=lambda span: not span["is_primary"]):
                file = "impl/src/" + span["file_name"].rpartition("src/")[2]
                if "/src/" in file.removeprefix("impl/src/"):
                    continue
                for place in placed:
                    start, end = place[kind]
                    if (
                        place["file"] == file
                        and start <= span["byte_start"]
                        and span["byte_end"] <= end
                    ):
                        about.setdefault(end - start, set()).add(place["id"])
                if about:
                    break
            if about:
                refused |= about[min(about)]
                wrong |= about[min(about)] if kind == "own" else set()
                break
    return refused, wrong


def build_together(copy, mutants):
    """Builds as many of the mutants together as can be. Says which, and which can not be built."""
    keys = ["id", "file", "name", "genre", "span", "replacement"]
    left = {mutant["id"]: {key: mutant[key] for key in keys} for mutant in mutants}
    genres = {mutant["id"]: mutant["genre"] for mutant in mutants}
    unbuildable = set()
    while True:
        copy.restore()
        listing = json.dumps(list(left.values()))
        placed = json.loads(copy.output([copy.program, "place", "."], input=listing))
        is_built = True
        for command in BUILDS:
            is_built, errors = copy.messages(command)
            if not is_built:
                refused, wrong = refused_by(errors, placed)
                # What is no value of its function's type is none alone either.
                unbuildable |= {number for number in wrong if genres[number] == "FnValue"}
                break
        if is_built:
            return {place["id"] for place in placed}, unbuildable
        if not refused:
            said = "\n".join(error["rendered"] for error in errors)
            give_up(f"the compiler refuses what is no mutant:\n{said}")
        left = {number: mutant for number, mutant in left.items() if number not in refused}


class Report:
    """What became of the mutants, in a file."""

    def __init__(self, path):
        self.path = path
        with open(ROOT / "checks/mutants/survivors.toml", "rb") as file:
            reasons = tomllib.load(file)["because"]
        self.explained = {name for reason in reasons for name in reason["mutants"]}
        self.lock = threading.Lock()
        # By the mutant's name. What is tried again has another line further down.
        self.outcomes = {}
        for number, line in enumerate(path.read_text().splitlines() if path.exists() else [], 1):
            try:
                outcome, by, name = line.split("\t")
            except ValueError:
                give_up(f"{path}, line {number}: an outcome, by what, and a mutant, with two tabs")
            self.outcomes[name] = self.explain(outcome, name), by
        self.todo = 0

    def explain(self, outcome, name):
        """The outcome, given the reasons that there are now."""
        if outcome not in ["survived", "explained"]:
            return outcome
        return "explained" if name in self.explained else "survived"

    def without_tried(self, mutants):
        # What has survived may be noticed by now, but takes longest, so it comes last.
        survived, left = [], []
        for mutant in mutants:
            outcome, _ = self.outcomes.get(mutant["name"], ("", ""))
            if outcome in ["", "survived"]:
                (survived if outcome else left).append(mutant)
        left += survived
        self.todo = len(left)
        return left

    def add(self, mutant, outcome, by):
        outcome = self.explain(outcome, mutant["name"])
        with self.lock:
            self.outcomes[mutant["name"]] = outcome, by
            with open(self.path, "a") as file:
                file.write(f"{outcome}\t{by}\t{mutant['name']}\n")
            print(f"{self.todo:5} {outcome:11} {mutant['place']} {mutant['name']} {by}", flush=True)
            self.todo -= 1

    def close(self):
        """Leaves one line for each mutant; the file is replaced only by a whole one."""
        lines = [f"{outcome}\t{by}\t{name}\n" for name, (outcome, by) in self.outcomes.items()]
        whole = self.path.with_name(f"{self.path.name}.new")
        whole.write_text("".join(lines))
        whole.replace(self.path)
        return any(outcome == "survived" for outcome, _ in self.outcomes.values())


def try_together(copy, mutants, todo, jobs, report):
    """Tries those that can be built together; gives back the others, and how long each may take."""
    together, unbuildable = build_together(copy, mutants)
    print(f"{len(together)} of {len(mutants)} mutants are built together", flush=True)
    for mutant in todo:
        if mutant["id"] in unbuildable:
            report.add(mutant, "unbuildable", "")
    todo = [mutant for mutant in todo if mutant["id"] not in unbuildable]
    original = Original(copy)
    # Where the core itself does not pass, whatever becomes of a mutant says nothing.
    outcome, by = original.fate(0)
    if outcome != "survived":
        give_up(f"without any mutant, the core is {outcome} already: {by}")
    trial = Switched(copy)
    trial.reached, trial.seconds = original.reached, original.seconds
    print(f"without any, the checks pass, and may take {original.seconds}", flush=True)

    def one(mutant):
        report.add(mutant, *trial.fate(mutant["id"]))

    with ThreadPoolExecutor(jobs) as pool:
        for _ in pool.map(one, [mutant for mutant in todo if mutant["id"] in together]):
            pass
    return [mutant for mutant in todo if mutant["id"] not in together], original.seconds


def try_alone(copy, mutants, seconds, report):
    trial = Trial(copy)
    trial.seconds = seconds
    for mutant in mutants:
        if "diff" not in mutant:
            report.add(mutant, "unbuildable", "")
            continue
        copy.patch(mutant)
        outcome = trial.fate(mutant["id"]) if copy.is_buildable() else ("unbuildable", "")
        report.add(mutant, *outcome)
        copy.restore()


def main():
    given = arguments()
    if shutil.which("cargo-mutants") is None:
        subprocess.run(["cargo", "install", "--locked", "cargo-mutants"], check=True)
    with contextlib.ExitStack() as stack:
        kept = os.environ.get("MUTANTS_DIR")
        scratch = Path(kept or stack.enter_context(tempfile.TemporaryDirectory())).absolute()
        scratch.mkdir(exist_ok=True)

        def copied(name):
            copy = Copy(scratch, name)
            stack.callback(copy.remove)
            return copy

        copy = copied("together")
        mutants = mutants_of(copy, given.of, given.files)
        report = Report(given.report)
        todo = report.without_tried(mutants[given.first - 1 :: given.every])
        alone, seconds = try_together(copy, mutants, todo, given.jobs, report)
        if alone:
            try_alone(copied("alone"), alone, seconds, report)
    return 1 if report.close() else 0


if __name__ == "__main__":
    sys.exit(main())
