"""Commands that jobs run in the contract: for a real shell as text, for a simulated host as a program."""

from collections.abc import Sequence

from adapters.ssh.simulator import Call, Programs, Steps

ECHO = 'printf "%s\\n" "$@"'
ENVIRONMENT = 'printf "%s\\n" "$GREETING"'
WHERE = "pwd"
TOUCH = ': >"$1"'
FAIL = "echo well; echo oh no; exit 3"
# Notes each start, then goes on only when somebody says so
LONG = """echo started >>/opt/starts
echo one
while [ ! -e /opt/go ]; do sleep 0.02; done
echo two"""


def command(text: str, *arguments: str) -> tuple[str, ...]:
    """A job's command."""
    return ("/bin/sh", "-c", text, "contract", *arguments)


def teach(programs: Programs) -> None:
    """Have simulated hosts know what the shell makes of these texts."""

    def runs(text: str, words: Sequence[str]) -> bool:
        return tuple(words[:3]) == command(text)[:3]

    for text, program in (
        (ECHO, _echo),
        (ENVIRONMENT, _environment),
        (WHERE, _where),
        (TOUCH, _touch),
        (FAIL, _fail),
        (LONG, _long),
    ):
        programs.add(lambda words, text=text: runs(text, words), program)  # type: ignore[misc]


def _echo(call: Call) -> Steps:
    yield "".join(f"{word}\n" for word in call.command[4:])
    return 0


def _environment(call: Call) -> Steps:
    yield f"{call.environment.get('GREETING', '')}\n"
    return 0


def _where(call: Call) -> Steps:
    yield f"{call.directory}\n"
    return 0


def _touch(call: Call) -> Steps:
    yield ""
    call.host.files.write(call.command[4], b"")
    return 0


def _fail(_call: Call) -> Steps:
    yield "well\n"
    yield "oh no\n"
    return 3


def _long(call: Call) -> Steps:
    files = call.host.files
    files.write("/opt/starts", files.text("/opt/starts") + "started\n")
    yield "one\n"
    while files.get("/opt/go") is None:
        yield ""
    yield "two\n"
    return 0
