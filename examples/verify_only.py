"""Reuse the verdict alone: read recorded evidence, judge it, and use the numbers. No server, no engine.

Evidence is what `executor run` keeps of every run; another tool may write it too, since it is nothing but two
series of readings of performance_schema (see docs/verification.md).
"""

import sys
from pathlib import Path

from executor_core.evidence import Evidence
from executor_core.policy import Policy
from executor_core.verification import EvidenceError, verify_evidence


def main(path: Path) -> None:
    try:
        evidence = Evidence.from_json(path.read_bytes())
    except EvidenceError as error:
        sys.exit(f"{path}: {error}")
    verdict = verify_evidence(evidence)
    print(f"{verdict.status}: {verdict.message}")
    for digest in verdict.digests:
        print(
            f"  {digest.kind:<5} {digest.digest[:12]}"
            f"  {digest.avg_latency_before_ms:8.3f} -> {digest.avg_latency_after_ms:8.3f} ms"
            f"  {digest.rows_examined_before:9.1f} -> {digest.rows_examined_after:9.1f} rows"
        )
    # The same evidence under another policy: a product that wants a thousand executions before it believes anything.
    cautious = evidence.model_copy(update={"policy": Policy(min_samples=1_000)})
    print(f"wanting a thousand executions: {verify_evidence(cautious).status}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("evidence.json"))
