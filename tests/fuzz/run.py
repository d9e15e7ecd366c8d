"""Run cases of the fuzzer: ``python -m fuzz.run --cases 10000 --seed 1`` from tests/; ``--case N`` shows one."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[_variable] = "1"  # so that this process has one thread, and can be forked

from fuzz.cases import KINDS, Workshop, table
from fuzz.hostile import HOSTILE
from fuzz.verdicts import GOOD


def main() -> int:
    """Run what the command line asks for; exit status 1 if a case ended badly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=300, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="a kind of files; may be given again")
    parser.add_argument("--damage", default="", help="the same damage in all cases")
    parser.add_argument("--case", type=int, help="run one case and say what came of it")
    parser.add_argument("--keep", type=Path, help="folder for the file of the last case")
    parser.add_argument("--hostile", type=Path, help="run the cases that have names, too, with results in this file")
    parser.add_argument("--out", type=Path, help="write all results to this file, a line of JSON each")
    given = parser.parse_args()
    os.fsync = os.fstat  # what is written need not outlive a power cut
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        workshop = Workshop(Path(folder).resolve() / "fuzz", given.only)
        numbers = range(given.first, given.first + given.cases) if given.case is None else [given.case]
        cases = [workshop.case(number, given.seed, damage=given.damage) for number in numbers]
        named = [(kind, target) for kind, target, *_ in HOSTILE.values()] if given.hostile else []
        workshop.look([*named, *((case.kind, case.target) for case in cases)])
        bad = _run_hostile(workshop, given.hostile) if given.hostile else 0
        results = []
        began = time.monotonic()
        for case in cases:
            result = workshop.run(case, given.keep if case is cases[-1] else None)
            results.append(result)
            if result.verdict not in GOOD or given.case is not None:
                print(f"{case.number}: {'/'.join(result.case[1:4])}: {result.verdict}: {result.told}", flush=True)
            if given.out:
                with open(given.out, "a", encoding="utf-8") as file:
                    file.write(json.dumps([*result.case, *result[1:]]) + "\n")
        print("\n".join(table(results)))
        print(f"{len(results)} cases in {time.monotonic() - began:.0f} s")
    return int(bad > 0 or any(result.verdict not in (*GOOD, "not made") for result in results))


def _run_hostile(workshop: Workshop, out: Path) -> int:
    bad = 0
    for name, (kind, target, edit, verdict, words) in HOSTILE.items():
        found, told, seconds, peak = workshop.judge(KINDS[kind], target, partial(edit, world=workshop.world), False)
        good = found == verdict and all(word in told for word in words)
        bad += not good
        print(f"{name}: {found}: {told}" + ("" if good else f"   <<< expected {verdict} {' '.join(words)}"), flush=True)
        with open(out, "a", encoding="utf-8") as file:
            file.write(json.dumps([name, found, told, good, seconds, peak]) + "\n")
    return bad


if __name__ == "__main__":
    sys.exit(main())
