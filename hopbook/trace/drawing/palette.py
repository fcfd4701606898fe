"""The colours of both schemes. Text keeps a contrast of at least 4.5 on every surface that it is put on."""

from collections.abc import Mapping

from hopbook.network.encapsulation import ESP, EXTENSION, IP_IN_IP, VXLAN

LIGHT: Mapping[str, str] = {
    "page": "#ffffff",
    "lane": "#f2f5f8",
    "head": "#dfe6ee",
    "text": "#1b1f24",
    "quiet": "#4c5662",
    "rule": "#cbd3dc",
    "host": "#ffffff",
    "host-edge": "#66717e",
    "kube": "#e9f1ff",
    "kube-edge": "#2f62b5",
    "there": "#0a57a6",
    "back": "#7a33c2",
    "good": "#12622a",
    "good-pale": "#e0f4e6",
    "bad": "#b0121c",
    "bad-pale": "#fde9e8",
    "doubt": "#744b00",
    "doubt-pale": "#fff1d0",
    "vxlan": "#005f66",
    "vxlan-pale": "#bfeaec",
    "ipip": "#744c00",
    "ipip-pale": "#fbe3a8",
    "esp": "#a01557",
    "esp-pale": "#fbd3e4",
    "extension": "#386000",
    "extension-pale": "#d8eeb4",
    "tunnel": "#4c5662",
    "tunnel-pale": "#dde2e8",
}
DARK: Mapping[str, str] = {
    "page": "#0d1117",
    "lane": "#151b24",
    "head": "#263140",
    "text": "#e6edf3",
    "quiet": "#a9b3bf",
    "rule": "#36404b",
    "host": "#0d1117",
    "host-edge": "#8b96a3",
    "kube": "#12213a",
    "kube-edge": "#6f9fe6",
    "there": "#6cb6ff",
    "back": "#cfa4ff",
    "good": "#63d68e",
    "good-pale": "#10301c",
    "bad": "#ff938d",
    "bad-pale": "#3a1416",
    "doubt": "#f1c251",
    "doubt-pale": "#352908",
    "vxlan": "#53d8dd",
    "vxlan-pale": "#0c4348",
    "ipip": "#f0bb4d",
    "ipip-pale": "#4a350b",
    "esp": "#ff99c5",
    "esp-pale": "#551835",
    "extension": "#a8de60",
    "extension-pale": "#2b400d",
    "tunnel": "#a9b3bf",
    "tunnel-pale": "#313b47",
}
_TUBES = {VXLAN: "vxlan", IP_IN_IP: "ipip", ESP: "esp", EXTENSION: "extension"}
ROOT = "hopbook-path"  # everything is below it, so that two pictures may stand in one page


def tube(encapsulation: str) -> str:
    """The colour of an encapsulation."""
    return _TUBES.get(encapsulation, "tunnel")


def style() -> str:
    """The style sheet. Plain rules instead of variables: not every viewer of pictures knows those."""
    dark = "".join(_rules(DARK))
    font = "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
    return (
        f".{ROOT}{{max-width:100%;height:auto;font-family:{font}}}"
        f"{''.join(_rules(LIGHT))}@media (prefers-color-scheme:dark){{{dark}}}"
    )


def _rules(colours: Mapping[str, str]) -> list[str]:
    return [
        f".{ROOT} .f-{name}{{fill:{value}}}.{ROOT} .s-{name}{{stroke:{value}}}"
        for name, value in colours.items()
    ]
