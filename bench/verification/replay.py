"""Judge recorded evidence with every rule: ``python -m bench.verification.replay FOLDER``."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from bench.verification.rules import RULES
from bench.verification.workload import Trial, Watch

from executor_core.evidence import Evidence


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one line for each evidence file: what happened, and what each rule says."""
    parser = argparse.ArgumentParser(prog="python -m bench.verification.replay", description=__doc__)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args(arguments)
    print(f"| recorded | {' | '.join(RULES)} |")
    print("|---|" + "---|" * len(RULES))
    for path in sorted(options.folder.glob("*.json")):
        evidence = Evidence.from_json(path.read_bytes())
        label = json.loads(path.with_suffix(".label").read_text())
        one = Trial(
            baseline=list(evidence.baseline),
            after=list(evidence.after),
            uses_index=dict(evidence.uses_index or {}),
            harmful=label["harmful"],
            watch=Watch(first_look=None),
        )
        print(f"| {label['scenario']} | {' | '.join(rule(one) for rule in RULES.values())} |")


if __name__ == "__main__":
    main()
