#!/usr/bin/env python3
"""Mutation testing of the core: cargo-mutants says what could be changed, and the gate is the test.

    checks/gate/scripts/mutants.py [--every N] [--from I] [--report FILE] [FILE…]
    checks/gate/scripts/mutants.py --every 10 impl/src/journal/commit.rs

Each mutant is asked what a change of the core would be asked before it is merged: do the correct
protocols still hold? The scenarios come in order of what they take, each in the designs and with
the bound of the quick gate. A mutant under which they hold goes on to the gate's other jobs on the
core, the variants and the recorded counterexamples, and last to the core's own tests and those of
its locks. What becomes of it:

    caught       the check of a correct protocol does not end well: an invariant is violated, the
                 harness is broken, the process is aborted or has no end; and in which scenario
    noticed      the protocols hold, but a scenario has other traces than it should, a state that
                 must be reached is not, or another job of the gate fails
    tested       the gate does not tell it from the original, but a test of the core does
    survived     nothing does
    unbuildable  the compiler refuses it

A mutant takes from ten seconds to some minutes. --every N takes each Nth of all that the files
have, beginning with the Ith, so that nights or machines share the work. Without files: the protocol,
which is impl/src without formats, devices, invariants and mkfs; those are held to e2fsprogs and to
the kernel by `cargo test`. Installs cargo-mutants if it is not there. Works on a copy of HEAD, so
that what is being edited is neither tested nor touched; MUTANTS_TARGET_DIR keeps its builds.

The report has a line for each mutant: outcome, by what, and the mutant, with tabs between. What has
a line is not tried again, so a run that was killed goes on where it was: give it the same report,
and a new one when the core or the suite has changed.
Exit codes: 0 no mutant survived; 1 some did; 2 wrong usage, a file without mutants, or a core that
does not pass by itself.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
# What a file name begins with that is not the protocol.
NOT_PROTOCOL = ["device/", "disk/", "invariants/", "journal/format/", "mkfs.rs"]
# A mutant may loop, or fill the memory.
PATIENCE = {"a build": 600, "a check": 120, "the gate": 600, "the tests": 900}
# The core's own tests, and those of the suite that ask more of it than the scenarios do.
TESTS = ["--package=extfs-std", "--package=cutpoint-suite", "--lib", "--test=ways"]
TESTS += [f"--test={name}" for name in ["locks_dpor", "locks_loom", "failing_device"]]
MEMORY_BYTES = 8 << 30


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="a file of impl/src")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="each Nth mutant")
    parser.add_argument("--from", type=int, default=1, metavar="I", dest="first", help="the first")
    parser.add_argument("--report", type=Path, default=Path("mutants.tsv"), metavar="FILE")
    given = parser.parse_args()
    if not 1 <= given.first <= given.every:
        parser.error("--from is one of 1 to --every")
    return given


def give_up(why):
    print(why, file=sys.stderr)
    sys.exit(2)


def mutants_of(copy, files):
    """The mutants of the files, or of the protocol, as (name, patch)."""
    # The sources are those of three packages and in none of their directories, so that paths have a
    # ".." in them, with which --file finds nothing, and which git does not apply.
    listing = ["cargo", "mutants", "--list", "--json", "--diff", "--package", "extfs-std"]
    text = subprocess.run(listing, cwd=copy, check=True, stdout=subprocess.PIPE, text=True).stdout
    mutants = json.loads(text.replace("impl/on-std/../src/", "impl/src/"))
    all_files = {mutant["file"] for mutant in mutants}
    for file in files:
        if file not in all_files:
            give_up(f"{file} has no mutants: is it a file of the core? Name it from the root.")

    def is_wanted(file):
        inside = file.removeprefix("impl/src/")
        return file in files if files else not inside.startswith(tuple(NOT_PROTOCOL))

    for mutant in mutants:
        if is_wanted(mutant["file"]):
            old, new, *changes = mutant["diff"].splitlines(keepends=True)
            yield mutant["name"], "".join([old, old.replace("---", "+++"), *changes])


def quick_checks(manifest):
    """(scenario, design, arguments, traces) of the correct protocols, the cheapest first."""
    for name, scenario in manifest["scenario"].items():
        for design in sorted(scenario.keys() & {"im", "bh"}):
            expected = scenario[design]
            bound = expected.get("quick_preemptions")
            arguments = [] if bound is None else [f"--preemptions={bound}"]
            yield name, design, arguments, None if arguments else expected["traces"]


class Trial:
    """A copy of the project to try mutants in."""

    def __init__(self, scratch):
        self.copy = scratch / "copy"
        self.result = scratch / "result.json"
        target = os.environ.get("MUTANTS_TARGET_DIR", str(scratch / "target"))
        self.environment = {**os.environ, "CARGO_TARGET_DIR": target, "CI": "1"}
        self.cutpoint = f"{target}/mutants/cutpoint"
        with open(self.copy / "checks/suite/expected.toml", "rb") as file:
            self.manifest = tomllib.load(file)
        checks = quick_checks(self.manifest)
        # Those with a bound have most traces, and a bound because of them.
        self.checks = sorted(checks, key=lambda check: check[3] or 10_000)

    def run(self, patience, *command):
        """The exit code, or None where it took too long."""
        limit = (MEMORY_BYTES, MEMORY_BYTES)
        try:
            return subprocess.run(
                command,
                cwd=self.copy,
                env=self.environment,
                timeout=PATIENCE[patience],
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limit),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ).returncode
        except subprocess.TimeoutExpired:
            return None

    def cutpoint_json(self, patience, *command):
        """What the command writes about its result."""
        self.result.unlink(missing_ok=True)
        code = self.run(patience, self.cutpoint, *command)
        if code is None:
            return code, {}
        return code, json.loads(self.result.read_text()) if self.result.exists() else {}

    def fate(self):
        """What becomes of the mutant that is in the copy: the outcome, and by what."""
        build = ["cargo", "build", "--quiet", "--profile=mutants", "--package=cutpoint-gate"]
        if self.run("a build", *build) != 0:
            return "unbuildable", ""
        noticed = []
        for scenario, design, arguments, traces in self.checks:
            check = ["check", scenario, f"--design={design}", *arguments, f"--json={self.result}"]
            code, found = self.cutpoint_json("a check", *check)
            where = f"{scenario} {design}"
            if code != 0:
                why = "no end" if code is None else found.get("invariant") or found.get("why")
                why = (why or f"exit code {code}").splitlines()[0]
                return "caught", f"{why} in {where}"
            # A check with a bound need not reach everything.
            if traces is None:
                continue
            if found["traces_distinct"] != traces:
                noticed.append(f"{found['traces_distinct']} traces in {where}")
            for state in self.manifest["scenario"][scenario][design]["reaches"]:
                if not found["reached"].get(state):
                    noticed.append(f"not reached in {where}: {state}")
        jobs = [f"{row['scenario']}/{name}/" for name, row in self.manifest["variant"].items()]
        only = [f"--only={job}" for job in [*jobs, "replay/"]]
        code, found = self.cutpoint_json("the gate", "gate", *only, f"--certificate={self.result}")
        if code != 0:
            noticed += found.get("certified", {}).get("faults", [f"gate: exit code {code}"])
        if noticed:
            return "noticed", "; ".join(noticed[:3])
        failed = self.run("the tests", "cargo", "test", "--quiet", "--profile=mutants", *TESTS)
        return ("survived" if failed == 0 else "tested"), ""


def main():
    given = arguments()
    if shutil.which("cargo-mutants") is None:
        subprocess.run(["cargo", "install", "--locked", "cargo-mutants"], check=True)
    scratch = Path(tempfile.mkdtemp())
    copy = scratch / "copy"
    worktree = ["git", "-C", str(ROOT), "worktree"]
    subprocess.run([*worktree, "add", "--quiet", "--detach", copy, "HEAD"], check=True)
    try:
        trial = Trial(scratch)
        mutants = list(mutants_of(copy, given.files))[given.first - 1 :: given.every]
        given.report.touch()
        lines = given.report.read_text().splitlines()
        tried = {line.split("\t")[2] for line in lines}
        todo = [mutant for mutant in mutants if mutant[0] not in tried]
        # Where the core itself does not pass, whatever becomes of a mutant says nothing.
        outcome, by = trial.fate()
        if outcome != "survived":
            give_up(f"without any mutant, the core is {outcome} already: {by}")
        for number, (name, patch) in enumerate(todo, 1):
            apply = ["git", "-C", copy, "apply", "-p0"]
            subprocess.run(apply, input=patch, text=True, check=True)
            outcome, by = trial.fate()
            with open(given.report, "a") as report:
                report.write(f"{outcome}\t{by}\t{name}\n")
            print(f"{number}/{len(todo)} {outcome:11} {name}  {by}", flush=True)
            subprocess.run(["git", "-C", copy, "checkout", "--quiet", "."], check=True)
    finally:
        subprocess.run([*worktree, "remove", "--force", copy], check=False)
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if "\nsurvived\t" in "\n" + given.report.read_text() else 0


if __name__ == "__main__":
    sys.exit(main())
