"""Secrets that are kept in Prefect blocks."""


def prefect_secret(name: str) -> str:
    """The value of a Prefect Secret block.

    Raises:
        LookupError: there is no such block; says what was expected.
    """
    from prefect.blocks.system import Secret  # noqa: PLC0415 - only a site that keeps secrets so needs Prefect

    try:
        block = Secret.load(name)
    except ValueError as error:
        message = f"there is no Prefect Secret block {name}; expected one in the Prefect server in use"
        raise LookupError(message) from error
    return str(block.get())  # type: ignore[union-attr] # load is synchronous outside an event loop
