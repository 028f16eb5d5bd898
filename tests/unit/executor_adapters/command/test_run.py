from executor_adapters.command.run import describe

OUTCOME = {
    "id": "run-1",
    "status": "completed",
    "fail_reason": None,
    "message": "All is well.",
    "error_message": None,
    "evidence": None,
    "report": None,
    "undelivered": None,
    "refused": None,
}


def test_a_run_that_went_well_is_two_lines() -> None:
    assert describe(OUTCOME) == "run-1: completed\n  message: All is well.\n"


def test_what_went_wrong_and_where_the_evidence_is() -> None:
    outcome = {
        **OUTCOME,
        "status": "failed",
        "fail_reason": "execution_error",
        "error_message": "error 1142",
        "evidence": "/state/evidence/run-1.json",
    }
    assert describe(outcome).splitlines() == [
        "run-1: failed (execution_error)",
        "  message: All is well.",
        "  error message: error 1142",
        "  evidence: /state/evidence/run-1.json",
    ]


def test_an_error_message_that_says_the_same_is_not_repeated() -> None:
    assert "error message" not in describe({**OUTCOME, "error_message": OUTCOME["message"]})


def test_messages_that_were_not_delivered_are_counted() -> None:
    text = describe({**OUTCOME, "undelivered": 3, "refused": 1})
    assert "undelivered: 3 messages" in text
    assert "refused: 1 messages" in text
