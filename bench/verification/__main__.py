"""Measure the rules and print a markdown table: ``python -m bench.verification --trials 25``."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from bench.verification.rules import RULES
from bench.verification.workload import EFFECTS, FAMILIES, HARMLESS, PARAMETER_DRIFT, trial

from executor_core.model import VerificationStatus

HOLD_OUT = 6_000_000
"""Seeds from here on were never used while the rule was made."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the trials asked for and print what each rule did with them."""
    parser = argparse.ArgumentParser(prog="python -m bench.verification", description=__doc__)
    parser.add_argument("--trials", type=int, default=10, help="trials for each family and effect")
    parser.add_argument("--executions", type=int, nargs="+", default=[100], help="of each digest in 5 minutes")
    parser.add_argument("--effects", nargs="+", default=list(EFFECTS), choices=EFFECTS)
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=[*FAMILIES, PARAMETER_DRIFT])
    parser.add_argument("--rules", nargs="+", default=list(RULES), choices=list(RULES))
    parser.add_argument("--tuning", action="store_true", help="use the seeds that the rule was tuned on")
    parser.add_argument("--by-family", action="store_true", help="one line for each family")
    options = parser.parse_args(arguments)
    first = 0 if options.tuning else HOLD_OUT
    print("| executions | effect | rule | trials | failed | inconclusive | success | wrong |")
    print("|---|---|---|---|---|---|---|---|")
    for executions in options.executions:
        for effect in options.effects:
            groups = [[family] for family in options.families] if options.by_family else [options.families]
            for families in groups:
                counts: dict[str, Counter[VerificationStatus]] = {rule: Counter() for rule in options.rules}
                for family, seed in _trials(families, first, options.trials):
                    one = trial(family=family, effect=effect, executions=executions, seed=seed)
                    for rule in options.rules:
                        counts[rule][RULES[rule](one)] += 1
                name = f"{effect} ({families[0]})" if len(families) == 1 else effect
                for rule, count in counts.items():
                    print(_line(executions, name, effect, rule, count))
                sys.stdout.flush()


def _trials(families: Sequence[str], first: int, trials: int) -> Iterator[tuple[str, int]]:
    for family in families:
        for seed in range(first, first + trials):
            yield family, seed


def _line(executions: int, name: str, effect: str, rule: str, count: Counter[VerificationStatus]) -> str:
    total = count.total()
    wrong = VerificationStatus.FAILED if effect in HARMLESS else VerificationStatus.SUCCESS
    shares = [
        f"{100 * count[status] / total:.1f} %"
        for status in (
            VerificationStatus.FAILED,
            VerificationStatus.INCONCLUSIVE,
            VerificationStatus.SUCCESS,
            wrong,
        )
    ]
    return f"| {executions:,} | {name} | {rule} | {total} | {' | '.join(shares)} |"


if __name__ == "__main__":
    main()
