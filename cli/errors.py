"""Why a command could not be carried out."""


class CommandError(Exception):
    """The command could not be carried out; the message says why and, if possible, what to do."""


def no_such_key(key_id: str) -> CommandError:
    """The error for an id that belongs to no key."""
    return CommandError(f"key '{key_id}' does not exist; `easel keys list` lists the keys")
