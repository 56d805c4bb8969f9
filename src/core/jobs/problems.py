"""Why a job ended without a result, unless the provider gave the reason."""

from core.errors import Hint, Problem

OUTCOME_UNKNOWN = "outcome_unknown"


def outcome_unknown(what: str) -> Problem:
    """No images arrived, and it is not known whether they were charged; `what` is a sentence saying what happened."""
    return Problem(
        502,
        "server_error",
        OUTCOME_UNKNOWN,
        f"{what} The images may have been charged; Easel does not buy them again by itself. "
        "Buying them again may cost twice.",
        hint=Hint.BUY_AGAIN,
        charged="unknown",
    )


def lost_while_calling() -> Problem:
    """The worker died between asking for the images and receiving them."""
    return outcome_unknown("The worker stopped before the provider's answer arrived.")


def lost_in_crash() -> Problem:
    """The worker died after it had received the images and before it stored any."""
    return Problem(
        500,
        "server_error",
        "result_lost",
        "The images were bought, but lost in a crash before they were stored.",
        hint=Hint.BUY_AGAIN,
        charged=True,
    )


def deadline_passed() -> Problem:
    """The job waited too long; nothing was bought."""
    return Problem(
        504,
        "server_error",
        "deadline_passed",
        "The job waited longer than its deadline allows. Nothing was bought.",
        hint=Hint.SEND_AGAIN,
        retryable=True,
    )


def exhausted() -> Problem:
    """Every worker that took the job failed before it could buy anything."""
    return Problem(
        500,
        "server_error",
        "not_performed",
        "The job could not be performed after several attempts. Nothing was bought.",
        hint=Hint.SEND_AGAIN,
        retryable=True,
    )
