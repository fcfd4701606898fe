"""helm's command line, as far as Hopbook writes it; what it does not know it refuses as helm does."""

import argparse
from collections.abc import Sequence
from typing import NoReturn


class WrongLine(Exception):
    """A command line that helm does not take."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise WrongLine(message)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command with its arguments.

    Raises:
        WrongLine: it is none of those.
    """
    return _PARSER.parse_args(list(arguments))


def _parser() -> _Parser:
    parser = _Parser(prog="helm", add_help=False, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)

    def command(name: str, *positional: str, kube: bool = True) -> argparse.ArgumentParser:
        made = commands.add_parser(name, add_help=False, allow_abbrev=False)
        for each in positional:
            made.add_argument(each)
        if kube:
            made.add_argument("--namespace", "-n", default="default")
        made.add_argument("--output", "-o", choices=["json", "table", "yaml"], default="table")
        return made

    command("version", kube=False).add_argument("--template", default="")
    _listing(command("list"))
    command("get", "what", "release")
    command("status", "release")
    show = command("show", "what", "chart", kube=False)
    _place(show)
    for name in ("upgrade", "template"):
        making = command(name, "release", "chart")
        _place(making)
        making.add_argument("--values", "-f", default="")
    upgrade = commands.choices["upgrade"]
    upgrade.add_argument("--install", action="store_true")
    upgrade.add_argument("--reset-values", action="store_true")
    upgrade.add_argument("--labels", default="")
    for name in ("upgrade", "uninstall", "test"):
        changing = commands.choices.get(name) or command(name, "release")
        changing.add_argument("--timeout", default="5m0s")
        changing.add_argument("--wait", action="store_true")
    commands.choices["test"].add_argument("--filter", default="")
    commands.choices["test"].add_argument("--logs", action="store_true")
    command("rollback", "release", "revision")
    return parser


def _listing(parser: argparse.ArgumentParser) -> None:
    for flag in ("--all-namespaces", "--deployed", "--failed", "--pending", "--uninstalling"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--selector", default="")
    parser.add_argument("--max", type=int, default=256)
    parser.add_argument("--time-format", default="")


def _place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repo", default="")
    parser.add_argument("--version", default="")


_PARSER = _parser()
