"""The windows of a verdict, read from its evidence, which is kept beside the log."""

import json
import shutil
from datetime import datetime
from pathlib import Path
from typing import cast

from executor_adapters.acceptance.documents import as_moment, as_object
from executor_adapters.acceptance.result import MetricsWindow


def kept_windows(run_id: str, evidence: object, folder: Path) -> MetricsWindow | None:
    """Copy the file that `evidence` names into `folder` and return its windows; None where there is no such file."""
    if not isinstance(evidence, str) or not Path(evidence).is_file():
        return None
    kept = folder / f"{run_id}.evidence.json"
    shutil.copyfile(evidence, kept)
    document = as_object(json.loads(kept.read_text("utf-8")))
    return MetricsWindow(run_id, _window(document.get("baseline")), _window(document.get("after")))


def _window(samples: object) -> tuple[datetime, datetime] | None:
    if not isinstance(samples, list) or not samples:
        return None
    taken = [as_moment(as_object(sample).get("taken_at")) for sample in cast("list[object]", samples)]
    begin, end = taken[0], taken[-1]
    return None if begin is None or end is None else (begin, end)
