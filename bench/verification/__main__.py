"""Measure the rules and print a markdown table: ``python -m bench.verification --trials 25``."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from bench.verification.rules import RULES
from bench.verification.scenes import FAILED, INCONCLUSIVE, SUCCESS
from bench.verification.workload import EFFECTS, FAMILIES, HARMLESS, PARAMETER_DRIFT, trial

from executor_core.model import VerificationStatus

HOLD_OUT = 7_000_000
"""Seeds from here on were never used while the rule was made; nor were those from 6,000,000 on."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the trials asked for and print what each rule did with them."""
    parser = argparse.ArgumentParser(prog="python -m bench.verification", description=__doc__)
    parser.add_argument("--trials", type=int, default=10, help="trials for each family and effect")
    parser.add_argument("--executions", type=int, nargs="+", default=[100], help="of each digest in 5 minutes")
    parser.add_argument("--effects", nargs="+", default=list(EFFECTS), choices=EFFECTS)
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=[*FAMILIES, PARAMETER_DRIFT])
    parser.add_argument("--rules", nargs="+", default=list(RULES), choices=list(RULES))
    parser.add_argument("--first", type=int, default=HOLD_OUT, help="the first seed of each family and effect")
    parser.add_argument("--by-family", action="store_true", help="one line for each family")
    options = parser.parse_args(arguments)
    print("| executions | effect | rule | trials | failed | inconclusive | success | wrong | worst family |")
    print("|---|---|---|---|---|---|---|---|---|")
    for executions in options.executions:
        for effect in options.effects:
            groups = [[family] for family in options.families] if options.by_family else [options.families]
            for families in groups:
                counts = {
                    rule: {family: Counter[VerificationStatus]() for family in families} for rule in options.rules
                }
                for family, seed in _trials(families, options.first, options.trials):
                    one = trial(family=family, effect=effect, executions=executions, seed=seed)
                    for rule in options.rules:
                        counts[rule][family][RULES[rule](one)] += 1
                name = f"{effect} ({families[0]})" if len(families) == 1 else effect
                for rule, by_family in counts.items():
                    print(_line(executions, name, effect, rule, by_family))
                sys.stdout.flush()


def _trials(families: Sequence[str], first: int, trials: int) -> Iterator[tuple[str, int]]:
    for family in families:
        for seed in range(first, first + trials):
            yield family, seed


def _line(
    executions: int, name: str, effect: str, rule: str, by_family: Mapping[str, Counter[VerificationStatus]]
) -> str:
    wrong = VerificationStatus.FAILED if effect in HARMLESS else VerificationStatus.SUCCESS
    count = sum(by_family.values(), Counter[VerificationStatus]())
    shares = [_share(count, status) for status in (FAILED, INCONCLUSIVE, SUCCESS, wrong)]
    worst = max(by_family, key=lambda family: by_family[family][wrong] / by_family[family].total())
    told = f"{worst}: {_share(by_family[worst], wrong)}" if count[wrong] else "none"
    return f"| {executions:,} | {name} | {rule} | {count.total()} | {' | '.join(shares)} | {told} |"


def _share(count: Counter[VerificationStatus], status: VerificationStatus) -> str:
    return f"{100 * count[status] / count.total():.1f} %"


if __name__ == "__main__":
    main()
