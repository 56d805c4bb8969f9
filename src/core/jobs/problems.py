"""Why a job ended without a result, where it is not the provider who says so."""

from core.errors import Hint, Problem


def outcome_unknown() -> Problem:
    """The worker died between asking for the images and receiving them."""
    return Problem(
        502,
        "server_error",
        "outcome_unknown",
        "The purchase was started and its outcome is not known: it may have been charged, and no image arrived. Easel "
        "does not buy it again by itself. Buying it again may cost twice.",
        hint=Hint.BUY_AGAIN,
        charged="unknown",
    )


def lost_in_crash() -> Problem:
    """The worker died after receiving the images and before storing any."""
    return Problem(
        500,
        "server_error",
        "result_lost",
        "The images were bought and lost in a crash before they were stored.",
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


def given_up() -> Problem:
    """The worker failed again and again before it could buy anything."""
    return Problem(
        500,
        "server_error",
        "not_performed",
        "The job could not be performed after several attempts. Nothing was bought.",
        hint=Hint.SEND_AGAIN,
        retryable=True,
    )
